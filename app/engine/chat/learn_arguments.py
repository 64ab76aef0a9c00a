"""Learn arguments: how a call's arguments are written where they are not JSON."""

import re
from typing import Final

from app.engine.chat.form import (
    KEY_MARK,
    ArgumentsForm,
    BareArguments,
    JsonArguments,
    PythonArguments,
    TaggedArguments,
)
from app.engine.chat.literals import common_beginning, common_end, without_end
from app.engine.chat.probe import FUNCTION, OTHER_KEY, TEXT_KEY, Arguments, Call, Probe

_PYTHON: Final = re.compile(r"\s*=\s*(['\"])")

_TYPED: Final[tuple[tuple[str, str, object, str], ...]] = (
    ("number", "arg_count", 424242, r"424242"),
    ("boolean", "arg_flag", True, r"[Tt]rue"),
    ("array", "arg_rows", ["Zqxrow"], r"\[|Zqxrow"),
    ("object", "arg_map", {"inner": 313131}, r"\{|inner"),
)
"""For each JSON type: an argument of it, and where its value begins when it is written."""


def learn_arguments(probe: Probe, turn: str, given: Arguments) -> ArgumentsForm | None:
    """The form of `given`, a single text, in `turn`; None when there is no sense in it."""
    value = str(given[TEXT_KEY])
    place = turn.index(value)
    if TEXT_KEY not in turn[:place]:
        return None
    start = turn.rindex(TEXT_KEY, 0, place)
    before, middle = turn[:start], turn[start + len(TEXT_KEY) : place]
    after = turn[place + len(value) :]
    quote = _PYTHON.fullmatch(middle)
    if quote and before.endswith("(") and after.startswith(quote.group(1)):
        return PythonArguments()
    if before.endswith("{") and middle.startswith(":") and after.startswith(middle[1:]):
        return BareArguments(middle[1:])
    return _tagged(probe, middle)


def span_of(turn: str, form: ArgumentsForm, given: Arguments) -> tuple[int, int] | None:
    """Where the arguments `given`, a single text, stand in `turn`, with all their literals."""
    value = str(given[TEXT_KEY])
    place = turn.find(value)
    if place < 0 or TEXT_KEY not in turn[:place]:
        return None
    start, end = turn.rindex(TEXT_KEY, 0, place), place + len(value)
    match form:
        case TaggedArguments():
            opened = start - len(form.open)
            closed = end + len(form.close.replace(KEY_MARK, TEXT_KEY))
            return opened, closed
        case PythonArguments():
            return start - 1, turn.index(")", end) + 1
        case BareArguments():
            return start - 1, turn.index("}", end) + 1
        case JsonArguments():
            return None


def _tagged(probe: Probe, middle: str) -> TaggedArguments | None:
    """Arguments between literals, from a call with two texts and calls with other types."""
    first, second = "Zqx one", "Zqx two"
    turn = probe.turn(calls=(Call({TEXT_KEY: first, OTHER_KEY: second}),))
    if turn is None or first not in turn or second not in turn:
        return None
    head, rest = turn.split(first, 1)
    inner, after = rest.split(second, 1)
    if FUNCTION not in head or TEXT_KEY not in head or OTHER_KEY not in inner:
        return None
    head = head[head.rindex(FUNCTION) + len(FUNCTION) : head.rindex(TEXT_KEY)]
    inner = inner[: inner.rindex(OTHER_KEY)].replace(TEXT_KEY, KEY_MARK)
    after = after.replace(OTHER_KEY, KEY_MARK)
    opening = common_end([head, inner])
    inner = without_end(inner, opening)
    close = common_beginning([inner, after])
    if not close.strip() or not opening.strip():
        return None
    middles = {"string": middle}
    element = ""
    for kind, key, value, written in _TYPED:
        turn = probe.turn(calls=(Call({key: value}),))
        found = re.search(f"{key}(.*?)({written})", turn or "", re.DOTALL)
        if turn is None or found is None:
            continue
        middles[kind] = found.group(1)
        nested = re.search(rf"{re.escape(opening.strip())}(\w+){re.escape(middle)}Zqxrow", turn)
        element = nested.group(1) if nested else element
    return TaggedArguments(
        open=opening,
        middles=middles if len(set(middles.values())) > 1 and not element else {"string": middle},
        close=close,
        between=inner[len(close) :],
        element=element,
    )
