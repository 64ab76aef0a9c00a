"""Arguments: each encoding of a call's arguments, read from a stream and passed on as JSON.

A reader emits JSON text that is whole when it returns. Where the source ends within a value, what
was emitted stays as far as it came: an answer cut short has a call cut short.
"""

import re
from collections.abc import Callable
from typing import Final, final

from app.engine.chat.form import (
    ArgumentsForm,
    BareArguments,
    JsonArguments,
    PythonArguments,
    TaggedArguments,
)
from app.engine.chat.json_reader import Emit, raw_value
from app.engine.chat.python_call import read_python
from app.engine.chat.source import Literal, Malformed, Source, Steps, text_until
from app.engine.chat.tagged import TaggedReader
from app.engine.chat.tools import Tool
from app.engine.chat.values import EVERY_TYPE, json_of, quoted

KEY_CHARACTERS_MAX: Final = 256

Reader = Callable[[Source, Emit], Steps[None]]


def arguments_reader(form: ArgumentsForm, tool: Tool, tail: str) -> Reader:
    """A reader of `form`, typed by the tool's schema; `tail` is the literal that ends the call."""
    match form:
        case JsonArguments():
            return _read_json
        case TaggedArguments():
            return TaggedReader(form, tool, tail).read
        case PythonArguments():
            return read_python
        case BareArguments(quote=quote):
            return _Bare(quote).value


def begins(form: ArgumentsForm, tail: str) -> tuple[str, ...]:
    """The characters with which arguments of this form, or the lack of any, may begin."""
    match form:
        case JsonArguments():
            return ("{",)
        case TaggedArguments():
            return tuple(text.strip()[:1] for text in (form.open, tail) if text.strip())
        case PythonArguments():
            return ("(",)
        case BareArguments():
            return ("{",)


def _read_json(source: Source, emit: Emit) -> Steps[None]:
    yield from source.skip_space()
    if source.text[source.at] != "{":
        raise Malformed
    yield from raw_value(source, emit)


@final
class _Bare:
    """An object with bare keys."""

    _STOPS: Final = re.compile(r"[,}\]]")
    _KEY_END: Final = re.compile(r":")

    def __init__(self, quote: str) -> None:
        self._quote = quote

    def value(self, source: Source, emit: Emit) -> Steps[None]:
        """One value of any kind."""
        yield from source.skip_space()
        if (yield from source.take_if(Literal(self._quote))):
            emit('"')
            yield from text_until(source, lambda text: emit(quoted(text)[1:-1]), self._quote)
            emit('"')
        elif (yield from source.peek()) == "{":
            yield from self._row(source, emit, "{}", has_keys=True)
        elif source.text[source.at] == "[":
            yield from self._row(source, emit, "[]", has_keys=False)
        else:
            text = yield from source.until(self._STOPS, at_most=KEY_CHARACTERS_MAX)
            if not text.strip():
                raise Malformed
            emit(json_of(text.strip(), EVERY_TYPE))

    def _row(self, source: Source, emit: Emit, ends: str, *, has_keys: bool) -> Steps[None]:
        """Values between brackets, with or without keys."""
        source.at += 1
        emit(ends[0])
        is_first = True
        while True:
            yield from source.skip_space()
            mark = source.text[source.at]
            if mark == ends[1]:
                source.at += 1
                emit(ends[1])
                return
            if mark == ",":
                source.at += 1
                continue
            emit("" if is_first else ", ")
            is_first = False
            if has_keys:
                is_quoted = yield from source.take_if(Literal(self._quote))
                key = yield from source.until(self._KEY_END, at_most=KEY_CHARACTERS_MAX)
                source.at += 1
                emit(quoted(key.strip().removesuffix(self._quote) if is_quoted else key.strip()))
                emit(": ")
            yield from self.value(source, emit)
