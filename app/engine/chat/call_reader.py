"""Call reader: tool calls of one form, read from a stream into parts.

Until a call's name is sure nothing is emitted, so that what turns out to be no call can still be
shown as the text that it is. From the name on the arguments are passed on as they come.
"""

import re
from typing import Final, final

from app.engine.chat.arguments import arguments_reader, begins
from app.engine.chat.form import CallForm, JsonForm, Shape, Slot, SlotForm
from app.engine.chat.json_reader import Emit, key, members, raw_value, short_text, text_value
from app.engine.chat.literals import MARKER
from app.engine.chat.output import Output
from app.engine.chat.source import Ended, Literal, Malformed, Source, Steps
from app.engine.chat.tools import ANY_OBJECT, Tool, ToolUse

NAME_CHARACTERS_MAX: Final = 256
_NOT_IN_NAMES: Final = re.compile(r"[\s<>\"'{}()\[\]|=,]")


def trigger(opener: str) -> str:
    """The beginning of an opening literal that shows that it may stand here."""
    opener = opener.strip()
    found = MARKER.match(opener)
    return found.group() if found else (opener.split() or [""])[0]


@final
class CallReader:
    """Reads the calls of one answer."""

    def __init__(self, form: CallForm, use: ToolUse, source: Source, output: Output) -> None:
        self._form = form
        self._use = use
        self._source = source
        self._output = output
        openers = [form.opener, form.call_open]
        last = (form.call_open.split() or [""])[-1]
        if last[:1] in {"<", "["}:
            openers.append(last)  # models forget the outer of two markers
        self._openers = [Literal(text) for text in dict.fromkeys(openers) if text.strip()]
        self.triggers = tuple(dict.fromkeys(trigger(literal.text) for literal in self._openers))
        closers = Literal(form.call_close + " " + form.between + " " + form.section_close)
        self._leftovers = [Literal(word) for word in dict.fromkeys(closers.words)]
        self._between = Literal(form.between if not form.call_open.strip() else "")
        self._is_next = False
        """A call must follow: what stands between two was read."""
        self.is_begun = False
        """Whether the call now read has been told of."""

    @property
    def is_bare(self) -> bool:
        """Whether a call has no marker: it is an object, and nothing else shows it."""
        return not self._openers

    def call(self) -> Steps[None]:
        """One call, its opening literal included.

        Raises: Malformed, Ended; with `is_begun` False, as if nothing was read.
        """
        self.is_begun = False
        source = self._source
        for opener in self._openers:
            if (yield from source.take_if(opener)):
                break
        else:
            if self._openers and not self._is_next and not self._stands_bare():
                raise Malformed
        self._is_next = False
        body = self._form.body
        if isinstance(body, SlotForm):
            yield from self._slots(body)
        elif body.is_keyed:
            yield from self._keyed()
        else:
            yield from self._json(body)

    def arguments(self, name: str) -> Steps[None]:
        """The arguments alone, of a call whose name stood elsewhere."""
        self.is_begun = False
        body = self._form.body
        assert isinstance(body, SlotForm)
        yield from self._source.skip_space()
        if self._source.text[self._source.at] not in begins(body.arguments, self._form.closer):
            raise Malformed
        self._begin(name, "")
        tool = self._use.tool(name) or Tool(name, ANY_OBJECT)
        read = arguments_reader(body.arguments, tool, self._form.closer)
        yield from read(self._source, self._output.argue)

    def follows(self) -> Steps[bool]:
        """After a call: whether another one stands here. What only closes calls is read."""
        while True:
            try:
                yield from self._source.skip_space()
            except Ended:
                return False
            for opener in self._openers:
                if (yield from self._source.has(opener)):
                    return True
            if self._stands_bare():
                return True
            if self._between and (yield from self._source.take_if(self._between)):
                self._is_next = True
                return True
            for leftover in self._leftovers:
                if (yield from self._source.take_if(leftover)):
                    break
            else:
                return False

    def _stands_bare(self) -> bool:
        """Whether the next of several objects stands here, which have no literal of their own."""
        if self._form.call_open.strip() or not isinstance(self._form.body, JsonForm):
            return False
        return self._source.text[self._source.at : self._source.at + 1] == "{"

    def _begin(self, name: str, call_id: str) -> None:
        if not name or (self.is_bare and self._use.tool(name) is None):
            raise Malformed
        self.is_begun = True
        self._source.kept_from = None
        self._output.begin_call(name, call_id)

    def _slots(self, body: SlotForm) -> Steps[None]:
        """Literals with slots, then the arguments."""
        found = {Slot.NAME: "", Slot.ID: "", Slot.INDEX: ""}
        closer = self._form.closer
        for place, piece in enumerate(body.head):
            if isinstance(piece, str):
                yield from self._source.take(Literal(piece))
                continue
            rest = "".join(p for p in body.head[place + 1 : place + 2] if isinstance(p, str))
            ends = (rest.strip()[:1],) if rest.strip() else begins(body.arguments, closer)
            stops = re.compile(f"\\s|[{re.escape(''.join(ends))}]" if any(ends) else r"\s")
            yield from self._source.skip_space()
            found[piece] = yield from self._source.until(stops, at_most=NAME_CHARACTERS_MAX)
        name = found[Slot.NAME]
        if not name or _NOT_IN_NAMES.search(name):
            raise Malformed
        yield from self._source.skip_space()
        if self._source.text[self._source.at] not in begins(body.arguments, closer):
            raise Malformed
        self._begin(name, found[Slot.ID])
        tool = self._use.tool(name) or Tool(name, ANY_OBJECT)
        yield from arguments_reader(body.arguments, tool, closer)(self._source, self._output.argue)

    def _keyed(self) -> Steps[None]:
        """`{f: {...}}`."""
        yield from self._source.skip_space()
        if not (yield from members(self._source)):
            raise Malformed
        name = yield from key(self._source)
        self._begin(name, "")
        yield from raw_value(self._source, self._output.argue)
        while (yield from members(self._source)):
            yield from key(self._source)
            yield from raw_value(self._source, _drop)

    def _json(self, body: JsonForm) -> Steps[None]:
        """`{"name": f, "arguments": {...}}`, its members in any order."""
        yield from self._source.skip_space()
        if self._source.text[self._source.at] != "{":
            raise Malformed
        waiting: list[str] = []
        found: dict[Slot, str] = {}
        yield from self._object(body.shape, found, waiting)
        if not self.is_begun:
            raise Malformed
        if not found.get(Slot.ARGUMENTS):
            self._output.argue("{}")

    def _object(self, shape: Shape, found: dict[Slot, str], waiting: list[str]) -> Steps[None]:
        """One object of a call. Arguments that come before the name wait for it."""
        source = self._source
        while (yield from members(source)):
            name = yield from key(source)
            match shape.get(name):
                case Slot.NAME:
                    self._begin((yield from short_text(source)), found.get(Slot.ID, ""))
                    for text in waiting:
                        self._output.argue(text)
                case Slot.ID if source.text[source.at] == '"':
                    found[Slot.ID] = yield from short_text(source)
                case Slot.ARGUMENTS | Slot.ARGUMENTS_TEXT:
                    emit = self._output.argue if self.is_begun else waiting.append
                    found[Slot.ARGUMENTS] = yield from self._arguments(emit)
                case Slot() | None:
                    yield from raw_value(source, _drop)
                case inner:
                    if isinstance(inner, dict) and source.text[source.at] == "{":
                        yield from self._object(inner, found, waiting)
                    else:
                        yield from raw_value(source, _drop)

    def _arguments(self, emit: Emit) -> Steps[str]:
        """An object, or an object in a text; the mark that arguments were there, "" for null."""
        mark = self._source.text[self._source.at]
        if mark == '"':
            yield from text_value(self._source, emit)
        elif mark == "{":
            yield from raw_value(self._source, emit)
        else:
            yield from raw_value(self._source, _drop)
            return ""
        return mark


def _drop(text: str) -> None:
    """For what is read and not wanted."""
