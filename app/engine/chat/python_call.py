"""Python call: keyword arguments of a Python call, `(p='v', q=[1, 2])`, as JSON."""

import re
from typing import Final

from app.engine.chat.json_reader import Emit
from app.engine.chat.source import Literal, Source, Steps
from app.engine.chat.values import json_of_python, quoted

KEY_CHARACTERS_MAX: Final = 256

_KEY_END: Final = re.compile(r"[\s=]")
_BREAK: Final = re.compile(r"""['"()\[\]{},]""")
_AFTER_TEXT: Final = re.compile(r"\s*(?:[)\]}:]|,\s*(?:\w+\s*=|['\"\[{(\d-]|True|False|None|$)|$)")
_UNDECIDED: Final = re.compile(r"\s*(?:,\s*\w*\s*)?")


def read_python(source: Source, emit: Emit) -> Steps[None]:
    """`(p='v', q=1)`, both parentheses read."""
    yield from source.take(Literal("("))
    separator = "{"
    while True:
        yield from source.skip_space()
        if source.text[source.at] == ")":
            source.at += 1
            emit("{}" if separator == "{" else "}")
            return
        if source.text[source.at] == ",":
            source.at += 1
            continue
        key = yield from source.until(_KEY_END, at_most=KEY_CHARACTERS_MAX)
        yield from source.take(Literal("="))
        yield from source.skip_space()
        value = yield from _python_value(source)
        emit(f"{separator}{quoted(key)}: {json_of_python(value)}")
        separator = ", "


def _python_value(source: Source) -> Steps[str]:
    """The text of one Python literal, up to the comma or parenthesis after it."""
    depth, quote, length = 0, "", 0
    while True:
        found = _BREAK.search(source.text, source.at + length)
        if found is None:
            length = len(source.text) - source.at
            yield from source.wait()
            continue
        mark, length = found.group(), found.end() - source.at
        if quote:
            if mark == quote and (yield from _closes(source, length)):
                quote = ""
        elif mark in "'\"":
            quote = mark
        elif mark in "([{":
            depth += 1
        elif depth == 0:  # a comma, or a bracket that is not the value's
            value = source.text[source.at : source.at + length - 1]
            source.at += length - 1
            return value
        elif mark != ",":
            depth -= 1


def _closes(source: Source, length: int) -> Steps[bool]:
    """Whether the quote that ends the next `length` characters ends its text.

    Templates do not escape quotes, so it does only where what follows can follow a text.
    """
    end = source.at + length - 1
    slashes = 0
    while source.text[end - slashes - 1] == "\\":
        slashes += 1
    if slashes % 2:  # an even number of them escapes itself, as in a path that ends with one
        return False
    while not source.has_ended and _UNDECIDED.fullmatch(source.text, source.at + length):
        yield from source.wait()
    return _AFTER_TEXT.match(source.text, source.at + length) is not None
