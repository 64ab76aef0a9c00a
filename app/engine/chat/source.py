"""Source: text that arrives in pieces, and the waits of its readers.

A reader is a generator: it yields when it needs more text than there is and is resumed when more
came, so a format is read as it is written, top to bottom, however the text is cut. Rule: a reader
decides nothing that text still to come could change, unless the source has ended; so every cut of
the same text is read alike.
"""

import re
from collections.abc import Callable, Generator
from typing import Final, TypeVar, final

from app.engine.chat.literals import MARKER

T = TypeVar("T")
Steps = Generator[None, None, T]
"""What a reader is; a yield waits for more text."""


_AT_MARKERS: Final = re.compile(f"({MARKER.pattern})")


class Ended(Exception):
    """The text ended where a reader needed more."""


class Malformed(Exception):
    """The text is not what a reader reads."""


@final
class Literal:
    """A literal to match: its words and markers, with any white space between and before them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: Final = tuple(
            part for word in text.split() for part in _AT_MARKERS.split(word) if part
        )

    def __bool__(self) -> bool:
        return bool(self.words)


@final
class Source:
    """The text so far, and how much of it is read."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.has_ended = False
        self.kept_from: int | None = None
        """Where reading may have to go back to."""

    def feed(self, text: str) -> None:
        """More text."""
        self.text += text

    def forget(self) -> None:
        """Let go of what is read; places move, so readers count from `at` across waits."""
        if self.at and self.kept_from is None:
            self.text = self.text[self.at :]
            self.at = 0

    @property
    def is_empty(self) -> bool:
        """Whether all text is read."""
        return self.at >= len(self.text)

    def wait(self) -> Steps[None]:
        """Until there is more. Raises: Ended."""
        if self.has_ended:
            raise Ended
        yield

    def skip_space(self) -> Steps[None]:
        """Past white space, to something else. Raises: Ended."""
        while True:
            while self.at < len(self.text) and self.text[self.at].isspace():
                self.at += 1
            if self.at < len(self.text):
                return
            yield from self.wait()

    def peek(self) -> Steps[str]:
        """The next character. Raises: Ended."""
        while self.is_empty:
            yield from self.wait()
        return self.text[self.at]

    def place_after(self, literal: Literal) -> int | None:
        """Where reading goes on if `literal` stands here; -1 if it cannot; None if it yet may."""
        text, at, size = self.text, self.at, len(self.text)
        for word in literal.words:
            while at < size and text[at].isspace():
                at += 1
            if text.startswith(word, at):
                at += len(word)
            elif size - at < len(word) and word.startswith(text[at:]):
                return -1 if self.has_ended else None
            else:
                return -1
        return at

    def has(self, literal: Literal) -> Steps[bool]:
        """Whether `literal` stands here; nothing is read."""
        while (place := self.place_after(literal)) is None:
            yield from self.wait()
        return place >= 0

    def take_if(self, literal: Literal) -> Steps[bool]:
        """Whether `literal` stands here; it is read then."""
        while (place := self.place_after(literal)) is None:
            yield from self.wait()
        if place < 0:
            return False
        self.at = place
        return True

    def take(self, literal: Literal) -> Steps[None]:
        """Past `literal`. Raises: Malformed."""
        if not (yield from self.take_if(literal)):
            raise Malformed

    def until(self, stops: re.Pattern[str], *, at_most: int) -> Steps[str]:
        """The text before the first character that is a stop. Raises: Malformed, Ended."""
        while True:
            found = stops.search(self.text, self.at)
            end = found.start() if found else len(self.text)
            if end - self.at > at_most:
                raise Malformed
            if found:
                taken = self.text[self.at : end]
                self.at = end
                return taken
            yield from self.wait()


@final
class Marks:
    """A set of texts to look for in a stream, found whole or held back as a possible beginning."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self.texts = tuple(sorted(filter(None, set(texts)), key=len, reverse=True))
        self._whole = re.compile("|".join(map(re.escape, self.texts)) or r"(?!)")
        self._beginnings = frozenset(text[:n] for text in self.texts for n in range(1, len(text)))
        self._longest = max(map(len, self.texts), default=0)
        firsts = "".join(sorted({re.escape(text[0]) for text in self.texts}))
        self.first = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def find(self, text: str, at: int, *, has_ended: bool) -> tuple[int, str]:
        """Where the first mark stands from `at` on, and which; where several begin, the longest.

        Without one the mark is "", and the place is where a beginning of one is held back, or the
        end of `text`.
        """
        found = self._whole.search(text, at)
        held = len(text) if has_ended else self._held_from(text, at)
        if found is not None and found.start() < held:
            return found.start(), found.group()
        return held, ""

    def _held_from(self, text: str, at: int) -> int:
        """Where the end of `text` may be the beginning of a mark; len(text) where it is none."""
        start = max(at, len(text) - self._longest + 1)
        while (found := self.first.search(text, start)) is not None:
            if text[found.start() :] in self._beginnings:
                return found.start()
            start = found.start() + 1
        return len(text)


def text_until(
    source: Source, emit: Callable[[str], None], close: str, *, drops_newline: bool = False
) -> Steps[None]:
    """Text up to `close`, which is read; one newline before it belongs to it if so said.

    Raises: Ended.
    """
    marks = Marks((close,))
    while True:
        place, found = marks.find(source.text, source.at, has_ended=source.has_ended)
        end = place
        if drops_newline and source.text[source.at : place].endswith("\n"):
            end -= 1
        emit(source.text[source.at : end])
        source.at = end
        if found:
            source.at = place + len(found)
            return
        yield from source.wait()
