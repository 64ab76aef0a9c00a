"""Tagged: arguments between literals, `<parameter=p>v</parameter>` and its many kin.

Texts stand bare and are passed on while they come; other values are collected, since only their
end shows what they are.
"""

import re
from collections.abc import Mapping
from typing import Final, final

from app.engine.chat.form import KEY_MARK, TaggedArguments
from app.engine.chat.json_reader import Emit
from app.engine.chat.literals import common_beginning, common_end
from app.engine.chat.schema import Schema
from app.engine.chat.source import Ended, Literal, Source, Steps, text_until
from app.engine.chat.tools import Tool
from app.engine.chat.values import EVERY_TYPE, json_of, quoted, types_of

KEY_CHARACTERS_MAX: Final = 256
_CDATA: Final = ("<![CDATA[", "]]>")


@final
class TaggedReader:
    """Arguments between literals."""

    def __init__(self, form: TaggedArguments, tool: Tool, tail: str) -> None:
        self._tool = tool
        self._is_nested = bool(form.element)
        self._open = Literal(form.open)
        self._tail = Literal(tail)
        self._between = Literal(form.between)
        self._middle = _Middle(form.middles)
        self._close = form.close.strip()
        self._drops_first = form.middles["string"].endswith("\n")
        self._drops_last = form.close.startswith("\n")

    def read(self, source: Source, emit: Emit) -> Steps[None]:
        """All arguments up to the tail, which is left."""
        yield from self._object(source, emit, self._tool.parameters, self._tail)

    def _object(self, source: Source, emit: Emit, schema: Schema, tail: Literal) -> Steps[None]:
        schema = self._tool.resolved(schema)
        separator = "{"
        while (yield from self._has_more(source, tail)):
            key = yield from self._middle.key(source)
            kind = yield from self._middle.take(source)
            emit(separator + quoted(key) + ": ")
            separator = ", "
            yield from self._value(source, emit, self._tool.member(schema, key), key, kind)
            yield from source.take_if(self._between)
        emit("{}" if separator == "{" else "}")

    def _list(self, source: Source, emit: Emit, schema: Schema, tail: Literal) -> Steps[None]:
        element = self._tool.element(self._tool.resolved(schema))
        separator = "["
        while (yield from self._has_more(source, tail)):
            key = yield from self._middle.key(source)
            kind = yield from self._middle.take(source)
            emit(separator)
            separator = ", "
            yield from self._value(source, emit, element, key, kind)
        emit("[]" if separator == "[" else "]")

    def _has_more(self, source: Source, tail: Literal) -> Steps[bool]:
        """Whether another argument stands here; it is read up to its name."""
        try:
            # the opening may be the beginning of the tail, so the tail is looked for first
            if tail and (yield from source.has(tail)):
                return False
            return (yield from source.take_if(self._open))
        except Ended:
            return False

    def _value(
        self, source: Source, emit: Emit, schema: Schema, key: str, kind: str | None
    ) -> Steps[None]:
        """One value and its closing literal."""
        types = frozenset({kind}) if kind else types_of(schema)
        close = self._close.replace(KEY_MARK, key)
        if self._is_nested and types & {"object", "array"} and types != EVERY_TYPE:
            part = self._list if "array" in types else self._object
            yield from part(source, emit, schema, Literal(close))
            yield from source.take(Literal(close))
            return
        if self._drops_first and (yield from source.peek()) == "\n":
            source.at += 1
        if types == {"string"}:
            emit('"')
            yield from self._text(source, lambda text: emit(quoted(text)[1:-1]), close)
            emit('"')
        else:
            pieces: list[str] = []
            yield from self._text(source, pieces.append, close)
            emit(json_of("".join(pieces), types))

    def _text(self, source: Source, emit: Emit, close: str) -> Steps[None]:
        """Text up to `close`, passed on as it comes."""
        if (yield from source.take_if(Literal(_CDATA[0]))):
            yield from text_until(source, emit, _CDATA[1])
            yield from source.take(Literal(close))
        else:
            yield from text_until(source, emit, close, drops_newline=self._drops_last)


@final
class _Middle:
    """The literal between an argument's name and its value; it may name the value's type."""

    def __init__(self, literals: Mapping[str, str]) -> None:
        texts = list(dict.fromkeys(literals.values()))
        self._before = common_beginning(texts)
        self._after = common_end(texts) if len(texts) > 1 else ""
        first = self._before.strip()[:1]
        self._key_end = re.compile(rf"\s|{re.escape(first)}" if first else r"\s")
        self._types = {
            text[len(self._before) : len(text) - len(self._after)]: kind
            for kind, text in reversed(list(literals.items()))
            if len(texts) > 1
        }

    def key(self, source: Source) -> Steps[str]:
        """The argument's name, up to this literal."""
        return (yield from source.until(self._key_end, at_most=KEY_CHARACTERS_MAX))

    def take(self, source: Source) -> Steps[str | None]:
        """Past the literal; the type that it names."""
        yield from source.take(Literal(self._before))
        if not self._types:
            return None
        end = re.compile(re.escape(self._after[:1]) or r"\s")
        word = yield from source.until(end, at_most=KEY_CHARACTERS_MAX)
        yield from source.take(Literal(self._after))
        # where texts alone have a word of their own, all other types share one
        kind = self._types.get(word)
        return kind if kind == "string" or len(self._types) > 2 else None
