"""Learn: a model's way of writing turns, found by probing its template. No model is known by name.

Whatever is learned is tried: turns that the template writes are read back by the parser, and a form
that does not read them is not believed.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, final

from app.engine.chat.form import CallForm, SlotForm, TurnForm
from app.engine.chat.learn_calls import learn_calls
from app.engine.chat.learn_reasoning import Frame, learn_frame
from app.engine.chat.literals import common_end, without_end
from app.engine.chat.parser import OutputParser
from app.engine.chat.probe import (
    OTHER_FUNCTION,
    REASON,
    TOOLS,
    Call,
    Probe,
    Style,
)
from app.engine.chat.tools import Tool, ToolUse
from app.wire.engine import CallArguments, CallBegun, Part, Reasoned, Said

PROBE_TOOLS: Final = ToolUse(
    tuple(
        Tool(str(tool["function"]["name"]), tool["function"]["parameters"])  # type: ignore[index]
        for tool in TOOLS
    )
)

ONE_TEXT: Final = (Call({"arg_beta": 'Zqx it\'s <b> "so", ünï\nline'}),)
MANY_TYPES: Final = (
    Call(
        {
            "arg_beta": "42",
            "arg_count": 42,
            "arg_flag": True,
            "arg_rows": ["Zqx row", "other"],
            "arg_map": {"inner": 7},
        }
    ),
)
TWO_CALLS: Final = (Call({"arg_beta": "Zqx one"}), Call({"arg_beta": "Zqx two"}, OTHER_FUNCTION))


@final
@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of a template."""

    form: TurnForm
    style: Style
    header: str
    """What begins the assistant's turn; the end of the user's turn may be part of it."""
    trail: str
    writes_reasoning: bool
    """Whether the template writes reasoning that messages carry."""
    has_types: bool = True
    """Whether arguments of all JSON types come back as they were."""

    @property
    def begins_with_reasoning(self) -> bool:
        """Whether reasoning has no opening literal: a turn begins with it."""
        return self.form.reasoning is not None and not self.form.reasoning.open

    def answer_in(self, turn: str) -> str:
        """What the model would have written of a turn."""
        return without_end(turn, common_end([turn, self.trail])).removeprefix(self.header)


def learn(probe: Probe) -> Learned | None:
    """How the template writes turns; None when it writes no assistant's turn."""
    frame = learn_frame(probe)
    if frame is None:
        return None
    plain = Learned(_frame_form(frame), probe.style, frame.header, frame.trail, frame.is_written)
    for empty in ("", None):
        for has_argument_text in (False, True):
            probe.with_style(empty_content=empty, has_argument_text=has_argument_text)
            learned = _with_calls(probe, frame, plain)
            if learned is not None:
                return learned
    return plain


def _with_calls(probe: Probe, frame: Frame, plain: Learned) -> Learned | None:
    """What is learned with messages in the probe's style, if it reads back."""
    found = learn_calls(probe, frame)
    if found is None:
        return None
    learned = _headed(replace(plain, form=_in_channels(plain.form, found), style=probe.style))
    if not reads_back(probe, learned, calls=ONE_TEXT):
        return None
    form, calls = learned.form, learned.form.calls
    assert calls is not None
    if form.reasoning and not reads_back(probe, learned, calls=ONE_TEXT, reasoning=REASON):
        looser = replace(form, reasoning=replace(form.reasoning, ends_at_calls=True))
        if reads_back(probe, replace(learned, form=looser), calls=ONE_TEXT, reasoning=REASON):
            learned = replace(learned, form=looser)
    calls = replace(calls, is_parallel=reads_back(probe, learned, calls=TWO_CALLS))
    has_types = reads_back(probe, learned, calls=MANY_TYPES)
    return replace(learned, form=replace(learned.form, calls=calls), has_types=has_types)


def _headed(learned: Learned) -> Learned:
    """Where the prompt ends with the literal that stands between calls, it opens calls."""
    form, calls = learned.form, learned.form.calls
    assert calls is not None
    between = calls.between.strip()
    if calls.opener.strip() or not between or not learned.header.endswith(between):
        return learned
    calls = replace(calls, call_open=between, between="")
    content_open = between + form.content_open if form.content_open else ""
    form = replace(form, calls=calls, content_open=content_open)
    return replace(learned, form=form, header=without_end(learned.header, between))


def _frame_form(frame: Frame) -> TurnForm:
    return TurnForm(
        reasoning=frame.reasoning,
        channels=frame.channels,
        content_open=frame.content_open,
        content_close=frame.content_close,
        scaffolding=frame.scaffolding,
    )


def _in_channels(form: TurnForm, calls: CallForm) -> TurnForm:
    """The form with calls; in channels, a call's name stands in the header or in the body."""
    channels = form.channels
    if channels is None:
        return replace(form, calls=calls)
    if channels.header_end in calls.opener:
        opener = calls.opener.rpartition(channels.header_end)[2]
        calls = replace(calls, section_open="", call_open=opener, between="", section_close="")
        return replace(form, calls=calls)
    if not isinstance(calls.body, SlotForm):
        return replace(form, calls=calls)
    rest = "".join(piece for piece in calls.body.head if isinstance(piece, str))
    closers = (calls.call_close.strip(), calls.section_close.strip())
    named = replace(
        channels,
        recipient=calls.opener.strip(),
        recipient_rest=rest.partition(channels.header_end)[0],
        ends=tuple(dict.fromkeys(end for end in (*channels.ends, *closers) if end)),
    )
    return replace(form, calls=calls, channels=named)


def reads_back(
    probe: Probe,
    learned: Learned,
    *,
    calls: tuple[Call, ...] = (),
    content: str | None = None,
    reasoning: str | None = None,
) -> bool:
    """Whether the parser finds in a turn what the template was given to write."""
    reasoning = reasoning or (REASON if learned.begins_with_reasoning else None)
    turn = probe.turn(content=content, reasoning=reasoning, calls=calls)
    if turn is None or not turn.startswith(learned.header):
        return False
    parser = OutputParser(learned.form, PROBE_TOOLS, lambda index: f"call_{index}")
    parts = parser.feed(learned.answer_in(turn)) + parser.finish()
    found_calls, found_reasoning, said = summed(parts)
    wanted = [(call.name, dict(call.arguments)) for call in calls]
    return (
        found_calls == wanted
        and found_reasoning.strip() == (reasoning or "")
        and said.strip() == (content or "")
    )


def summed(parts: Iterable[Part]) -> tuple[list[tuple[str, object]], str, str]:
    """The calls with their arguments, the reasoning, and what is said; None for bad arguments."""
    names: list[str] = []
    arguments: list[str] = []
    reasoning = said = ""
    for part in parts:
        match part:
            case Said(text=text):
                said += text
            case Reasoned(text=text):
                reasoning += text
            case CallBegun(name=name):
                names.append(name)
                arguments.append("")
            case CallArguments(index=index, text=text):
                arguments[index] += text
    return list(zip(names, map(_loaded, arguments), strict=True)), reasoning, said


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
