"""OutputParser: the text of an answer, split into what is said, reasoned and called.

It reads by the dialect's `TurnForm`. Text may come in pieces of any size: joined, the parts are the
same. Markers never show, and text that only looked like the beginning of one is not lost. White
space around reasoning and before a call belongs to the form, not to the answer, and is left out.

This runs for every token of every stream: `feed` first tries the shortest way, plain text in a
state where nothing is held back.
"""

from collections.abc import Generator
from typing import final

from app.engine.chat.call_reader import CallReader
from app.engine.chat.channels import Header, HeaderReader
from app.engine.chat.form import TurnForm
from app.engine.chat.json_reader import Emit
from app.engine.chat.literals import MARKER, markers
from app.engine.chat.output import CallIds, Output
from app.engine.chat.source import Ended, Malformed, Marks, Source, Steps
from app.engine.chat.tools import ToolUse
from app.wire.engine import Part, Reasoned, Said


@final
class OutputParser:
    """Parses one answer.

    `seen` is the part of the assistant's turn that stands in the prompt already: it may have opened
    the reasoning. `ids` gives ids to calls of models that write none. Calls are looked for only if
    `use` has tools.
    """

    def __init__(self, form: TurnForm, use: ToolUse, ids: CallIds, seen: str = "") -> None:
        self._form = form
        self._source = Source()
        self._output = Output(ids)
        reasoning, channels = form.reasoning, form.channels
        self.in_reasoning = reasoning is not None and not reasoning.open and not channels
        self._calls = (
            CallReader(form.calls, use, self._source, self._output)
            if form.calls and use.tools
            else None
        )
        self._header = HeaderReader(channels, self._source) if channels else None
        self._is_header = channels is not None
        ends = (*channels.ends, channels.start.strip()) if channels else ()
        dropped = [mark for text in _dropped(form) for mark in _marks(text)]
        self._opens = _marks(reasoning.open)[:1] if reasoning and not channels else ()
        self._ends = frozenset(ends)
        triggers = self._calls.triggers if self._calls else ()
        self._text_marks = Marks((*dropped, *self._opens, *triggers, *ends))
        closes = _marks(reasoning.close)[:1] if reasoning and not channels else ()
        calls_too = triggers if reasoning and reasoning.ends_at_calls else ()
        self._reasoning_marks = Marks((*closes, *ends, *calls_too))
        self._triggers = frozenset(triggers)
        self._skips_space = False
        self._is_start = True
        """Nothing but white space has been said: where calls have no marker, one may begin."""
        self._is_open = False
        """Nothing is held back, and text without a mark's first character is just text."""
        self._steps: Generator[None, None, None] | None = self._run()
        next(self._steps)
        if seen:
            self.feed(seen)
            self._output.take()

    @property
    def has_calls(self) -> bool:
        """Whether a call has begun."""
        return self._output.calls > 0

    def feed(self, text: str) -> list[Part]:
        """The parts that `text` completes."""
        if self._is_open and text and not text[-1].isspace():
            marks = self._reasoning_marks if self.in_reasoning else self._text_marks
            if marks.first.search(text) is None:
                return [Reasoned(text=text) if self.in_reasoning else Said(text=text)]
        self._source.feed(text)
        return self._advance()

    def finish(self) -> list[Part]:
        """The parts that were held back; the answer is over."""
        self._source.has_ended = True
        return self._advance()

    def _advance(self) -> list[Part]:
        if self._steps is not None:
            try:
                next(self._steps)
            except (StopIteration, Ended):
                self._steps = None
        self._source.forget()
        return self._output.take()

    def _run(self) -> Steps[None]:
        yield
        while True:
            if self._is_header:
                yield from self._read_header()
            elif self.in_reasoning:
                yield from self._read_reasoning()
            else:
                yield from self._read_text()

    def _wait(self) -> Steps[None]:
        """For more text, in a state that `feed` knows."""
        self._is_open = self._source.is_empty and not self._skips_space
        yield from self._source.wait()
        self._is_open = False

    def _skip_space(self) -> Steps[None]:
        if self._skips_space:
            yield from self._source.skip_space()
            self._skips_space = False

    def _read_reasoning(self) -> Steps[None]:
        """Up to the marker that ends it."""
        source = self._source
        while True:
            yield from self._skip_space()
            place, mark = self._reasoning_marks.find(
                source.text, source.at, has_ended=source.has_ended
            )
            text = source.text[source.at : place]
            kept = text if source.has_ended and not mark else text.rstrip()
            self._output.reason(kept)
            if mark in self._triggers:
                source.at = place
                if not (yield from self._read_calls(mark, text[len(kept) :], self._output.reason)):
                    continue
            elif not mark:
                source.at += len(kept)
                yield from self._wait()
                continue
            else:
                source.at = place + len(mark)
                self._is_header = self._header is not None and mark in self._ends
            self.in_reasoning = False
            self._skips_space = True
            return

    def _read_text(self) -> Steps[None]:
        """Up to a marker, which is dealt with."""
        source = self._source
        while True:
            yield from self._skip_space()
            if self._calls and self._calls.is_bare and self._is_start:
                if (yield from source.peek()).isspace():
                    yield from source.skip_space()
                self._is_start = False
                if source.text[source.at] == "{":
                    yield from self._read_calls("{", "", self._output.say)
                    continue
            place, mark = self._text_marks.find(source.text, source.at, has_ended=source.has_ended)
            text = source.text[source.at : place]
            kept = text if source.has_ended and not mark else text.rstrip()
            self._output.say(kept)
            if mark:
                source.at = place
                yield from self._read_mark(mark, text[len(kept) :])
                return
            source.at += len(kept)
            yield from self._wait()

    def _read_mark(self, mark: str, space: str) -> Steps[None]:
        """What a marker begins; `space` stood before it."""
        if mark in self._triggers:
            yield from self._read_calls(mark, space, self._output.say)
            return
        self._source.at += len(mark)
        if mark in self._opens:
            self.in_reasoning = self._skips_space = True
        elif mark in self._ends:
            self._is_header = True

    def _read_header(self) -> Steps[None]:
        """The header of a message; what follows is of its kind."""
        assert self._header is not None
        kind, name = yield from self._header.read()
        self._is_header = False
        self.in_reasoning = kind is Header.REASONING
        self._skips_space = self.in_reasoning
        if kind is Header.CALL and self._calls is not None:
            try:
                yield from self._calls.arguments(name)
                self._is_header = True
            except Malformed:
                pass  # what is not arguments is shown

    def _read_calls(self, mark: str, space: str, show: Emit) -> Steps[bool]:
        """Calls from their first marker on, as many as there are, and whether there were any.

        What turns out to be no call is shown, with the space that stood before it.
        """
        assert self._calls is not None
        source = self._source
        has_begun = False
        while True:
            source.kept_from = start = source.at
            try:
                yield from self._calls.call()
            except Malformed:
                if self._calls.is_begun:
                    return True
                source.at = start + len(mark)
                show(space + mark)
                return has_begun
            except Ended:
                if not self._calls.is_begun:
                    show(space + source.text[start:])
                raise
            finally:
                source.kept_from = None
            has_begun = True
            if not (yield from self._calls.follows()):
                return True
            mark, space = source.text[source.at : source.at + 1], ""


def _dropped(form: TurnForm) -> list[str]:
    """Literals that may stand in a turn and are no one's words."""
    literals = [form.content_open, form.content_close, *form.scaffolding]
    if form.channels:
        literals.append(form.channels.header_end)
    elif form.reasoning:
        literals.append(form.reasoning.close)
    return [literal for literal in literals if literal.strip()]


def _marks(literal: str) -> tuple[str, ...]:
    """The texts to look for in place of a literal: itself, or its markers if it has white space."""
    bare = literal.strip()
    if not bare:
        return ()
    if not any(character.isspace() for character in bare):
        # a word needs the line's end after it, a marker ends by itself
        is_word = bare[-1].isalnum() and literal.rstrip(" ").endswith("\n")
        return (bare + "\n",) if is_word else (bare,)
    return tuple(markers(bare)) if MARKER.match(bare) else (bare,)
