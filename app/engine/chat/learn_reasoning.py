"""Learn reasoning: the literals around reasoning and around what is said after it.

A template shows them in one of three ways: it writes reasoning that a message carries; it ends the
prompt within, or just after, an empty block of reasoning; or it cuts reasoning out of what a
message says. They are tried in this order.
"""

import re
from dataclasses import dataclass
from typing import Final, final

from app.engine.chat.form import ChannelForm, ReasoningForm
from app.engine.chat.literals import MARKER, common_beginning, markers, pieces, without_end
from app.engine.chat.probe import (
    CHUNKS,
    CONTENT,
    REASON,
    REASONING_FIELDS,
    RESULT,
    TEXT_KEY,
    USER,
    Call,
    Message,
    Probe,
)

SWITCHES: Final[tuple[dict[str, object], ...]] = (
    {},
    {"enable_thinking": True},
    {"thinking": True},
    {"thinking_mode": "enabled"},
)
"""Variables under which a template that hides reasoning may show it."""

_PAIR_PIECES_MAX: Final = 16
_ADJACENT: Final = re.compile(f"({MARKER.pattern})({MARKER.pattern})")
_DUMPED: Final = re.compile(r"""['"](?:type|text|blocks)['"]""")
"""What shows that chunks were printed as they are rather than written."""

_TURNED: Final = (("start", "end"), ("begin", "end"), ("open", "close"))


@final
@dataclass(frozen=True, slots=True)
class Frame:
    """What of an assistant's turn is there before anything is known of calls."""

    header: str
    """What begins the turn, the end of the user's included."""
    reasoning: ReasoningForm | None
    channels: ChannelForm | None
    content_open: str
    content_close: str
    scaffolding: tuple[str, ...]
    trail: str
    """What ends a turn that only speaks."""
    is_written: bool
    """Whether the template itself writes reasoning."""


def learn_frame(probe: Probe) -> Frame | None:
    """How the turn is framed; sets the probe's style and switches to those that show reasoning.

    None when the template writes no assistant's turn at all.
    """
    said = probe.turn(content=CONTENT) or probe.turn(content=CONTENT, has_tools=False)
    if said is None or CONTENT not in said:
        return None
    lead, trail = said.split(CONTENT, 1)
    prompt = probe.generation() or probe.generation(has_tools=False) or lead
    header = common_beginning([lead, prompt])
    if prompt.rstrip().endswith(lead[len(header) :].strip()):
        header = lead  # the prompt has more between the user's turn and this one
    written = _written(probe)
    if written is None:
        reasoning = _from_prompts(probe, lead) or _from_cuts(probe) or _from_words(probe)
        header = _before(header, reasoning.open if reasoning else "")
        rest = without_block(lead[len(header) :], reasoning)
        close = _closing(rest, trail)
        return Frame(header, reasoning, None, rest, close, (), trail, is_written=False)
    said = probe.turn(content=CONTENT) or said
    lead, trail = said.split(CONTENT, 1) if CONTENT in said else (lead, trail)
    return _framed(header, lead, trail, written)


@final
@dataclass(frozen=True, slots=True)
class _Written:
    """A turn with reasoning: what is before it, and what is between it and what follows."""

    before: str
    after: str
    has_content: bool
    """Whether words of the answer follow; else a call."""


def _written(probe: Probe) -> _Written | None:
    """The first way of giving reasoning that the template writes."""
    call = (Call({TEXT_KEY: "x"}),)
    for switches in SWITCHES:
        if not switches.keys() <= probe.template.variables:
            continue
        probe.switches = dict(switches)
        for field in REASONING_FIELDS:
            probe.with_style(reasoning_field=field)
            both = probe.turn(reasoning=REASON, content=CONTENT)
            called = probe.turn(reasoning=REASON, calls=call)
            shown = [turn for turn in (both, called) if turn and turn.count(REASON) == 1]
            if not shown or (field in CHUNKS and _DUMPED.search(shown[0])):
                continue
            before, after = shown[0].split(REASON)
            has_content = shown[0] is both and CONTENT in after
            return _Written(
                before=before,
                after=after.split(CONTENT)[0] if has_content else after,
                has_content=has_content,
            )
    probe.switches = {}
    probe.with_style(reasoning_field=REASONING_FIELDS[0])
    return None


def _framed(header: str, lead: str, trail: str, written: _Written) -> Frame:
    """The frame of a template that writes reasoning."""
    header = common_beginning([header, written.before])
    opening, after = written.before[len(header) :], written.after
    # where every turn begins with reasoning, the header has swallowed the opening literal
    paired, close = _pair(opening if opening.strip() else header, after)
    if not opening.strip() and paired:
        opening = paired
        header = without_end(header.rstrip(), opening)
    reasoning = ReasoningForm(opening, close)
    content_open = without_block(lead[len(header) :], reasoning)
    rest = after.strip().removeprefix(close.strip()).strip()
    if not written.has_content:
        rest = ""
    between = rest.removesuffix(content_open.strip()).strip()
    channels = _channels(header, reasoning, content_open, between, trail)
    scaffolding = (between,) if between and channels is None else ()
    return Frame(
        header=header,
        reasoning=reasoning,
        channels=channels,
        content_open="" if channels else content_open,
        content_close=_closing(content_open, trail),
        scaffolding=scaffolding,
        trail=trail,
        is_written=True,
    )


def _pair(before: str, after: str) -> tuple[str, str]:
    """The literal at the end of `before` and its opposite at the beginning of `after`.

    Without a pair the first is "" and the second the first marker.
    """
    row = pieces(before.strip())[-_PAIR_PIECES_MAX:]
    openings = ["".join(row[start:]) for start in range(len(row))]
    text = ""
    for piece in pieces(after.strip())[:_PAIR_PIECES_MAX]:
        text += piece
        for opening in openings:
            if is_pair(opening, text):
                return opening, text
    found = markers(after)
    return "", found[0] if found and after.strip().startswith(found[0]) else after.strip()


def is_pair(opening: str, closing: str) -> bool:
    """Whether two literals are each other's opposite: `<a>` and `</a>`, BEGIN_A and END_A."""
    if not opening or opening == closing:
        return False
    if closing.replace("/", "", 1) == opening:
        return True
    one, other = opening.casefold(), closing.casefold()
    return any(start in one and one.replace(start, end) == other for start, end in _TURNED)


def without_block(text: str, reasoning: ReasoningForm | None) -> str:
    """`text` without an empty block of reasoning, or the rest of one, at its beginning."""
    if reasoning is None:
        return text
    bare = text.lstrip()
    opening, close = reasoning.open.strip(), reasoning.close.strip()
    if opening and bare.startswith(opening):
        bare = bare[len(opening) :].lstrip()
        return bare.removeprefix(close).lstrip()
    return bare.removeprefix(close).lstrip() if close and bare.startswith(close) else text


def _before(header: str, opening: str) -> str:
    bare = opening.strip()
    return header[: header.rindex(bare)] if bare and bare in header else header


def _closing(content_open: str, trail: str) -> str:
    """The literal after the answer's words that is the opposite of the one before them."""
    text = ""
    for piece in pieces(trail)[:16]:
        text += piece
        if is_pair(content_open.strip(), text.strip()):
            return text
    return ""


def _channels(
    header: str, reasoning: ReasoningForm, content_open: str, between: str, trail: str
) -> ChannelForm | None:
    """The form of a turn in which reasoning is a message of its own, with its own header."""
    ends = markers(reasoning.open), markers(content_open)
    if (
        not between
        or not header.rstrip().endswith(between)
        or not (ends[0] and ends[1] and ends[0][-1] == ends[1][-1])
    ):
        return None
    header_end = ends[0][-1]
    return ChannelForm(
        start=between,
        header_end=header_end,
        reasoning_header=reasoning.open.partition(header_end)[0],
        content_header=content_open.partition(header_end)[0],
        recipient="",
        recipient_rest="",
        ends=tuple(dict.fromkeys([reasoning.close.strip(), *markers(trail)[:1]])),
    )


def _from_prompts(probe: Probe, lead: str) -> ReasoningForm | None:
    """From a prompt that ends within reasoning, or after an empty block of it."""
    for switch in ({}, {"enable_thinking": False}, {"enable_thinking": True}, {"thinking": True}):
        prompt = probe.generation(switch, has_tools=False)
        if prompt is None:
            continue
        rest = prompt[len(common_beginning([prompt, lead])) :]
        found = markers(rest)
        if len(found) > 1 and is_pair(found[0], found[1]):
            return ReasoningForm(found[0], found[1])
        if len(found) == 1 and rest.strip() == found[0]:
            for text in sorted(probe.template.texts):
                for closing in markers(text):
                    if is_pair(found[0], closing):
                        return ReasoningForm(found[0], closing)
    return None


def _from_cuts(probe: Probe) -> ReasoningForm | None:
    """From a marker up to which the template cuts what an earlier message says."""
    for text in sorted(probe.template.texts):
        for closing in markers(text):
            opening = closing.replace("/", "", 1)
            if not closing.startswith("</") or opening == closing:
                continue
            said = f"{opening}{REASON}{closing}{CONTENT}"
            history: list[Message] = [
                {"role": "user", "content": USER},
                {"role": "assistant", "content": said},
                {"role": "user", "content": USER},
                {"role": "assistant", "content": RESULT},
                {"role": "user", "content": USER},
            ]
            shown = probe.render(history, has_tools=False)
            if shown and CONTENT in shown and REASON not in shown:
                return ReasoningForm(opening, closing)
    return None


def _from_words(probe: Probe) -> ReasoningForm | None:
    """From instructions that show an empty pair of markers, where thinking can be asked for."""
    if "thinking" in probe.template.variables:
        for text in sorted(probe.template.texts):
            for found in _ADJACENT.finditer(text):
                if is_pair(found.group(1), found.group(2)):
                    return ReasoningForm(found.group(1), found.group(2))
    return None
