"""Where each key stands in a TOML text: what tomllib does not tell.

Errors name the line of a key, and edits replace a value and leave the rest of the file, comments
and unknown parts included, byte for byte as it is. Both need positions.

Rule: only texts that tomllib has accepted come here, so nothing is checked twice and every
quotation and bracket is known to close. A test compares both readings of random documents.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

Key = tuple[str, ...]

_BLANK: Final = " \t"
_BLANK_OR_LINE: Final = " \t\r\n"


@final
@dataclass(frozen=True, slots=True)
class Header:
    """A table header `[key]`; `end` is the offset after its bracket."""

    key: Key
    start: int
    end: int


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """A `key = value`. The key is whole, with its table's; the offsets are of key and value.

    `is_inline` when it stands within an inline table.
    """

    key: Key
    start: int
    value_start: int
    value_end: int
    is_inline: bool


def line_of(text: str, offset: int) -> int:
    """The line that the offset is on, counted from 1."""
    return text.count("\n", 0, offset) + 1


def parts(text: str) -> list[Header | Entry]:
    """All headers and entries of a valid TOML text, in order; those of inline tables too."""
    return list(_Reader(text).read())


@final
class _Reader:
    """A position in the text that only moves forward."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self) -> Iterator[Header | Entry]:
        table: Key = ()
        while self.skip_space():
            if self.peek() != "[":
                yield from self.read_entry(table, is_inline=False)
                continue
            start = self.at
            brackets = 2 if self.text.startswith("[[", self.at) else 1
            self.at += brackets
            table = self.read_key()
            self.at += brackets
            yield Header(table, start, self.at)

    def read_entry(self, table: Key, *, is_inline: bool) -> Iterator[Entry]:
        start = self.at
        key = table + self.read_key()
        self.at += len("=")
        self.skip(_BLANK)
        value_start = self.at
        inner = list(self.read_value(key))
        yield Entry(key, start, value_start, self.at, is_inline)
        yield from inner

    def read_key(self) -> Key:
        """A dotted key, with the blanks around it."""
        names: list[str] = []
        while True:
            self.skip(_BLANK)
            start = self.at
            if self.peek() in "\"'":
                self.skip_string()
            else:
                while self.peek() not in " \t.=]":
                    self.at += 1
            # tomllib itself undoes the quotation and its escapes.
            names.extend(tomllib.loads(f"{self.text[start : self.at]} = 0"))
            self.skip(_BLANK)
            if self.peek() != ".":
                return tuple(names)
            self.at += 1

    def read_value(self, key: Key) -> Iterator[Entry]:
        """Move past a value; the entries of the inline tables in it, arrays' items excepted."""
        first = self.peek()
        if first in "\"'":
            self.skip_string()
        elif first == "[":
            self.at += 1
            while self.skip_space() and self.peek() != "]":
                for _ in self.read_value(key):
                    pass
                self.skip_space()
                if self.peek() == ",":
                    self.at += 1
            self.at += 1
        elif first == "{":
            self.at += 1
            while self.skip_space() and self.peek() != "}":
                yield from self.read_entry(key, is_inline=True)
                self.skip_space()
                if self.peek() == ",":
                    self.at += 1
            self.at += 1
        else:
            start = self.at
            while self.peek() not in ",]}#\r\n":
                self.at += 1
            self.at = start + len(self.text[start : self.at].rstrip(_BLANK))

    def skip_string(self) -> None:
        quote = self.peek()
        if self.text.startswith(quote * 3, self.at):
            self.at += 3
            while not self.text.startswith(quote * 3, self.at):
                self.skip_character(quote)
            self.at += 3
            # Up to two quotation marks of the content may stand before the closing three.
            for _ in range(2):
                if self.peek() == quote:
                    self.at += 1
            return
        self.at += 1
        while self.peek() != quote:
            self.skip_character(quote)
        self.at += 1

    def skip_character(self, quote: str) -> None:
        """One character of a string; an escaped one in double quotation marks is two."""
        self.at += 2 if quote == '"' and self.peek() == "\\" else 1

    def skip_space(self) -> bool:
        """Move past blanks, line ends and comments; whether text is left."""
        while True:
            self.skip(_BLANK_OR_LINE)
            if self.peek() != "#":
                return self.at < len(self.text)
            while self.peek() not in "\n":
                self.at += 1

    def skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1

    def peek(self) -> str:
        """The character here, "" at the end (which every `in` and `not in` here takes as found)."""
        return self.text[self.at] if self.at < len(self.text) else ""
