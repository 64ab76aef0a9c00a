"""Json reader: JSON values in a stream, passed on while they come.

Lenient: what stands between brackets and quotes is passed on as it is, since the grammar, where
there is one, has held it to JSON already, and where there is none a client says better what is
wrong with it than we.
"""

import re
from collections.abc import Callable
from typing import Final

from app.engine.chat.source import Malformed, Source, Steps

Emit = Callable[[str], None]

_BRACKETS: Final = re.compile(r'["{}\[\]]')
_QUOTE: Final = re.compile(r'["\\]')
_SCALAR_END: Final = re.compile(r"[\s,}\]]")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

KEY_CHARACTERS_MAX: Final = 1024
_SURROGATES: Final = range(0xD800, 0xE000)
_HIGH: Final = range(0xD800, 0xDC00)
_LOW: Final = range(0xDC00, 0xE000)


def raw_value(source: Source, emit: Emit) -> Steps[None]:
    """One value, passed on as it is written. Raises: Malformed, Ended."""
    first = yield from source.peek()
    if first in '"{[':
        yield from _raw(source, emit)
    else:
        emit((yield from source.until(_SCALAR_END, at_most=KEY_CHARACTERS_MAX)))


def _raw(source: Source, emit: Emit) -> Steps[None]:
    """A text, object or list up to the quote or bracket that ends it."""
    depth, in_text, place = 0, False, source.at
    while True:
        text = source.text
        while (found := (_QUOTE if in_text else _BRACKETS).search(text, place)) is not None:
            place = found.end()
            mark = found.group()
            if mark == "\\":
                if place == len(text):  # what is escaped is still to come
                    place = found.start()
                    break
                place += 1
                continue
            if mark == '"':
                in_text = not in_text
            else:
                depth += 1 if mark in "{[" else -1
            if depth <= 0 and not in_text:
                emit(text[source.at : place])
                source.at = place
                return
        else:
            place = len(text)
        emit(text[source.at : place])
        source.at = place
        yield from source.wait()
        place = source.at  # what was read may have been let go


def text_value(source: Source, emit: Emit) -> Steps[None]:
    """A JSON text, passed on decoded. Raises: Malformed, Ended."""
    if (yield from source.peek()) != '"':
        raise Malformed
    source.at += 1
    high = 0
    while True:
        found = _QUOTE.search(source.text, source.at)
        end = found.start() if found else len(source.text)
        if end > source.at:
            emit("\ufffd" * bool(high) + source.text[source.at : end])
            high = 0
            source.at = end
        if found is None:
            yield from source.wait()
        elif found.group() == '"':
            emit("\ufffd" * bool(high))
            source.at += 1
            return
        else:
            code = yield from _escaped(source)
            if high and code in _LOW:
                emit(chr(0x10000 + (high - _HIGH.start << 10) + (code - _LOW.start)))
                high = 0
                continue
            emit("\ufffd" * bool(high))
            high = code if code in _HIGH else 0
            if not high:
                emit("\ufffd" if code in _SURROGATES else chr(code))


def _escaped(source: Source) -> Steps[int]:
    """The character code that an escape stands for; the escape is read."""
    while len(source.text) < source.at + 2:
        yield from source.wait()
    letter = source.text[source.at + 1]
    if letter != "u":
        source.at += 2
        return ord(_ESCAPES.get(letter, letter))
    while len(source.text) < source.at + 6:
        yield from source.wait()
    digits = source.text[source.at + 2 : source.at + 6]
    if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
        raise Malformed
    source.at += 6
    return int(digits, 16)


def short_text(source: Source) -> Steps[str]:
    """A JSON text that is a key or a name. Raises: Malformed, Ended."""
    pieces: list[str] = []

    def emit(piece: str) -> None:
        pieces.append(piece)
        if sum(map(len, pieces)) > KEY_CHARACTERS_MAX:
            raise Malformed

    yield from text_value(source, emit)
    return "".join(pieces)


def members(source: Source) -> Steps[bool]:
    """At the brace or comma before a member: past it; False at the end of the object.

    Call it first at `{`, then after each value. Raises: Malformed, Ended.
    """
    yield from source.skip_space()
    mark = source.text[source.at]
    if mark not in "{,}":
        raise Malformed
    source.at += 1
    if mark == "{":
        yield from source.skip_space()
        if source.text[source.at] == "}":
            source.at += 1
            return False
    return mark != "}"


def key(source: Source) -> Steps[str]:
    """The key of a member, up to its value. Raises: Malformed, Ended."""
    yield from source.skip_space()
    name = yield from short_text(source)
    yield from source.skip_space()
    if source.text[source.at] != ":":
        raise Malformed
    source.at += 1
    yield from source.skip_space()
    return name
