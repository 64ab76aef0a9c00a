"""Learn calls: how a template writes tool calls, from turns that differ in one thing each.

A turn with one call, one with two and one with words before a call show what belongs to a call,
what to the section of calls, and what to the turn. Where within a call its name, its id and its
arguments stand is found by the probe's words.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

from app.engine.chat.form import (
    ArgumentsForm,
    CallForm,
    Constant,
    JsonArguments,
    JsonForm,
    Shape,
    Slot,
    SlotForm,
)
from app.engine.chat.learn_arguments import learn_arguments, span_of
from app.engine.chat.learn_reasoning import Frame, without_block
from app.engine.chat.literals import common_beginning, common_end, without_end
from app.engine.chat.probe import CONTENT, FUNCTION, IDS, TEXT_KEY, Arguments, Call, Probe

FIRST: Final = {TEXT_KEY: "Zqx first value"}
SECOND: Final = {TEXT_KEY: "Zqx second value"}

_DECODER: Final = json.JSONDecoder()


@final
@dataclass(frozen=True, slots=True)
class _Unit:
    """A call within a turn: its place, and what of it is JSON.

    `value` is the JSON value that holds the arguments, from `start` to `end`: the whole call, or
    the arguments alone, or None where they are not JSON and the place is that of the key.
    """

    start: int
    end: int
    value: object


def learn_calls(probe: Probe, frame: Frame) -> CallForm | None:
    """The form of calls; None when the template does not write what a call has."""
    one = probe.turn(calls=(Call(FIRST),))
    if one is None or str(FIRST[TEXT_KEY]) not in one or FUNCTION not in one:
        return None
    two = probe.turn(calls=(Call(FIRST), Call(SECOND)))
    if two is not None and str(SECOND[TEXT_KEY]) not in two:
        two = None
    unit = _json_unit(one, FIRST)
    if unit is not None and not _is_arguments(unit.value, FIRST):
        return _whole_objects(probe, frame, one, two)
    return _slotted(probe, frame, one, two, unit)


def _json_unit(turn: str, arguments: Arguments) -> _Unit | None:
    """The largest JSON object of `turn` that has these arguments, and a name if it can."""
    found: list[_Unit] = []
    place = turn.index(str(arguments[TEXT_KEY]))
    for start in (match.start() for match in re.finditer(r"\{", turn[:place])):
        try:
            value, end = _DECODER.raw_decode(turn, start)
        except ValueError:
            continue
        if end > place and isinstance(value, dict):
            found.append(_Unit(start, end, value))
    named = [unit for unit in found if FUNCTION in json.dumps(unit.value)]
    plain = [unit for unit in found if _is_arguments(unit.value, arguments)]
    return next(iter(named or plain), None)


def _is_arguments(value: object, arguments: Arguments) -> bool:
    return isinstance(value, dict) and value == dict(arguments)


# --- the call is one object ------------------------------------------------------------------


def _whole_objects(probe: Probe, frame: Frame, one: str, two: str | None) -> CallForm | None:
    units = [_json_unit(one, FIRST)]
    if two is not None:
        units = [_json_unit(two, FIRST), _json_unit(two, SECOND)]
    if any(unit is None for unit in units):
        return None
    turn = one if two is None else two
    known = [unit for unit in units if unit is not None]
    values = [unit.value for unit in known]
    body = _json_form(values)
    if body is None:
        return None
    form = _section(frame, turn, [(unit.start, unit.end) for unit in known])
    opened = _after_words(probe, frame, form.opener, body_start="{")
    return replace(_opened(form, opened), body=body)


def _json_form(values: list[object]) -> JsonForm | None:
    """The shape of the object by the places of the probe's words in it."""
    first = values[0]
    if not isinstance(first, dict):
        return None
    if len(first) == 1 and FUNCTION in first:
        return JsonForm({}, is_keyed=True)
    second = values[1] if len(values) > 1 and isinstance(values[1], dict) else first
    shape = _shape(first, second)
    slots = json.dumps(_slot_names(shape))
    has_arguments = Slot.ARGUMENTS.value in slots or Slot.ARGUMENTS_TEXT.value in slots
    return JsonForm(shape) if Slot.NAME.value in slots and has_arguments else None


def _shape(first: Mapping[str, object], second: Mapping[str, object]) -> Shape:
    shape: dict[str, Slot | Shape | Constant] = {}
    for key, value in first.items():
        other = second.get(key)
        if value == FUNCTION:
            shape[key] = Slot.NAME
        elif _is_arguments(value, FIRST):
            shape[key] = Slot.ARGUMENTS
        elif isinstance(value, str) and str(FIRST[TEXT_KEY]) in value:
            shape[key] = Slot.ARGUMENTS_TEXT
        elif value == IDS[0]:
            shape[key] = Slot.ID
        elif isinstance(value, dict) and isinstance(other, dict):
            shape[key] = _shape(value, other)
        elif value != other or re.fullmatch(r"[01]", str(value)):
            shape[key] = Slot.INDEX
        else:
            shape[key] = Constant(value)
    return shape


def _slot_names(shape: Shape) -> list[object]:
    return [
        part.value if isinstance(part, Slot) else _slot_names(part)
        for part in shape.values()
        if not isinstance(part, Constant)
    ]


# --- the call is literals with slots ---------------------------------------------------------


def _slotted(
    probe: Probe, frame: Frame, one: str, two: str | None, unit: _Unit | None
) -> CallForm | None:
    arguments = JsonArguments() if unit else learn_arguments(probe, one, FIRST)
    if arguments is None:
        return None
    turn = one if two is None else two
    spans: list[tuple[int, int]] = []
    heads: list[tuple[str | Slot, ...]] = []
    place = 0
    for index, given in enumerate((FIRST,) if two is None else (FIRST, SECOND)):
        span = _span(turn, arguments, given)
        if span is None:
            return None
        head = _head(turn[place : span[0]], index)
        if head is None:
            return None
        spans.append((place + head[0], span[1]))
        heads.append(head[1])
        place = span[1]
    body = SlotForm(_with_index(heads), arguments)
    form = _section(frame, turn, spans)
    opened = _after_words(probe, frame, form.opener, body_start=FUNCTION)
    return replace(_opened(form, opened), body=body)


def _span(turn: str, arguments: ArgumentsForm, given: Arguments) -> tuple[int, int] | None:
    """Where the arguments `given` stand, all their literals included."""
    if isinstance(arguments, JsonArguments):
        unit = _json_unit(turn, given)
        return None if unit is None else (unit.start, unit.end)
    return span_of(turn, arguments, given)


def _head(text: str, index: int) -> tuple[int, tuple[str | Slot, ...]] | None:
    """From the last name before the arguments on: where the first slot is, and the pieces."""
    if FUNCTION not in text:
        return None
    start = text.rindex(FUNCTION)
    row: list[str | Slot] = [Slot.NAME, text[start + len(FUNCTION) :]]
    if IDS[index] in text[:start]:
        begin = text.rindex(IDS[index], 0, start)
        row = [Slot.ID, text[begin + len(IDS[index]) : start], *row]
        start = begin
    rest = row[-1]
    assert isinstance(rest, str)
    if IDS[index] in rest:
        before, after = rest.split(IDS[index])
        row[-1:] = [before, Slot.ID, after]
    return start, tuple(piece for piece in row if piece)


def _with_index(heads: list[tuple[str | Slot, ...]]) -> tuple[str | Slot, ...]:
    """The head with a slot where the two calls differ by their number."""
    row: list[str | Slot] = []
    for position, piece in enumerate(heads[0]):
        other = heads[-1][position] if position < len(heads[-1]) else piece
        found = re.search(r"(?<!\w)[01](?!\w)", piece) if isinstance(piece, str) else None
        if found is None or (len(heads) > 1 and piece == other):
            row.append(piece)
        else:
            assert isinstance(piece, str)
            row += [piece[: found.start()], Slot.INDEX, piece[found.end() :]]
    return tuple(piece for piece in row if piece)


# --- what is around the calls ----------------------------------------------------------------

_PLACEHOLDER: Final = JsonForm({})


def _section(frame: Frame, turn: str, spans: list[tuple[int, int]]) -> CallForm:
    """The literals around calls at these places of `turn`; the body is still to be set."""
    before = turn[len(common_beginning([frame.header, turn])) : spans[0][0]]
    after = turn[spans[-1][1] :]
    after = without_end(after, common_end([after, frame.trail]))
    if len(spans) == 1:
        return CallForm("", before, _PLACEHOLDER, after, "", "", is_parallel=False)
    inner = turn[spans[0][1] : spans[1][0]]
    call_open = common_end([before, inner])
    inner = without_end(inner, call_open)
    call_close = common_beginning([inner, after])
    return CallForm(
        section_open=without_end(before, call_open),
        call_open=call_open,
        body=_PLACEHOLDER,
        call_close=call_close,
        between=inner[len(call_close) :],
        section_close=after[len(call_close) :],
        is_parallel=True,
    )


def _after_words(probe: Probe, frame: Frame, opener: str, *, body_start: str) -> str:
    """The opening literal alone: what a turn that only calls and one that speaks first share."""
    both = probe.turn(content=CONTENT, calls=(Call(FIRST),))
    if both is None or CONTENT not in both:
        return _without_frame(frame, opener)
    after = both.split(CONTENT, 1)[1]
    place = after.index(body_start) if body_start in after else 0
    shared = common_end([opener, after[:place]])
    return shared.removeprefix(frame.content_close) if shared.strip() else opener


def _without_frame(frame: Frame, opener: str) -> str:
    """The opening literal without empty reasoning and empty words before it."""
    bare = without_block(opener, frame.reasoning)
    for literal in (frame.content_open, frame.content_close):
        bare = bare.lstrip().removeprefix(literal.strip()) if literal.strip() else bare
    return bare


def _opened(form: CallForm, opener: str) -> CallForm:
    """The form with `opener` as its opening literal, which is the end of the one it has."""
    if len(opener) <= len(form.call_open):
        return replace(form, section_open="", call_open=opener)
    return replace(form, section_open=without_end(opener, form.call_open))
