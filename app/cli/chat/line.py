"""Line: the text that is being typed, with the keys that change it. Pure: keys in, text out.

The keys are those of readline's Emacs mode, as far as fingers know them. A text may hold line ends:
Ctrl-J makes one, and what is pasted keeps its own.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, final

from rich.cells import cell_len

_PASTE_BEGINS: Final = "\x1b[200~"
_KEY: Final = re.compile(
    r"\x1b\[200~(?P<paste>.*?)\x1b\[201~"
    r"|\x1b(?:\[[0-9;?]*[~A-Za-z]|O[A-Za-z]|[^\[O])"
    r"|[^\x1b]",
    re.DOTALL,
)
_WORD_BEFORE: Final = re.compile(r"\w*\W*$")
_WORD_AFTER: Final = re.compile(r"\W*\w*")


@final
@dataclass(frozen=True, slots=True)
class Pasted:
    """What a terminal says was pasted: no key in it does what it would do when pressed."""

    text: str


Key = str | Pasted
"""A character, an escape sequence, or what was pasted."""


class Done(Enum):
    """What ends a line."""

    SENT = auto()
    END = auto()
    """Ctrl-D, where nothing was typed."""


@final
@dataclass(slots=True)
class Line:
    """A text and the place in it where the next key goes."""

    words: Sequence[str] = ()
    """What Tab completes, where the text so far begins one of them."""
    history: Sequence[str] = ()
    """Earlier lines, the oldest first."""
    text: str = ""
    cursor: int = 0
    _cut: str = ""
    _place: int | None = None
    """Which line of the history is shown; None while it is a new one."""
    _draft: str = ""
    """The new one, kept while the history is looked through."""

    def press(self, key: Key) -> Done | None:
        """Does what the key does, and says whether the line is done by it."""
        if isinstance(key, Pasted):
            self.insert(key.text)
            return None
        if key == "\r":
            return Done.SENT
        if key == "\x04" and not self.text:
            return Done.END
        act = _ACTS.get(key)
        if act is not None:
            act(self)
        elif key.isprintable() or key == "\n":
            self.insert(key)
        return None

    def insert(self, text: str) -> None:
        """Puts it where the cursor is."""
        self.text = self.text[: self.cursor] + text + self.text[self.cursor :]
        self.cursor += len(text)

    def delete(self, begin: int, end: int) -> str:
        """Takes a part away; what it was. The cursor is where it began."""
        part = self.text[begin:end]
        self.text = self.text[:begin] + self.text[end:]
        self.cursor = begin
        return part

    def before(self) -> int:
        """Where the character before the cursor begins, with all that is put over it."""
        place = max(0, self.cursor - 1)
        while place > 0 and _is_put_over(self.text[place]):
            place -= 1
        return place

    def after(self) -> int:
        """Where the character at the cursor ends."""
        place = min(len(self.text), self.cursor + 1)
        while place < len(self.text) and _is_put_over(self.text[place]):
            place += 1
        return place

    def word_before(self) -> int:
        """Where the word before the cursor begins."""
        found = _WORD_BEFORE.search(self.text[: self.cursor])
        return found.start() if found else 0

    def word_after(self) -> int:
        """Where the word after the cursor ends."""
        found = _WORD_AFTER.match(self.text, self.cursor)
        return found.end() if found else self.cursor

    def move(self, place: int) -> None:
        """Puts the cursor there."""
        self.cursor = place

    def cut(self, begin: int, end: int) -> None:
        """Takes a part away; Ctrl-Y brings it back."""
        self._cut = self.delete(begin, end) or self._cut

    def paste_cut(self) -> None:
        """Puts what was cut last where the cursor is."""
        self.insert(self._cut)

    def look_back(self, steps: int) -> None:
        """Shows a line of the history, `steps` before this one; below its end is the new one."""
        shown = len(self.history) if self._place is None else self._place
        wanted = shown - steps
        if not 0 <= wanted <= len(self.history):
            return
        if self._place is None:
            self._draft = self.text
        is_new = wanted == len(self.history)
        self._place = None if is_new else wanted
        self.text = self._draft if is_new else self.history[wanted]
        self.cursor = len(self.text)

    def complete(self) -> None:
        """Goes on with the only word that begins so, or as far as all that do are the same."""
        start = self.text[: self.cursor]
        matches = [word for word in self.words if word.startswith(start)]
        if not start or not matches or self.cursor < len(self.text):
            return
        shared = min(matches)
        while not all(word.startswith(shared) for word in matches):
            shared = shared[:-1]
        self.insert(shared[len(start) :])


def key_in(typed: str, place: int) -> tuple[Key, int] | None:
    """The key there, in what came from a terminal, and where it ends; None for half a key."""
    found = _KEY.match(typed, place)
    if found is None:
        return None
    if found["paste"] is not None:
        # Its line ends are lines of the message: Enter alone sends.
        text = found["paste"].replace("\r\n", "\n").replace("\r", "\n")
        return Pasted(text), found.end()
    return None if found[0] == _PASTE_BEGINS else (found[0], found.end())


def _is_put_over(char: str) -> bool:
    """Whether it takes no room of its own, as an accent that is put over a letter."""
    return char != "\n" and cell_len(char) == 0


Act = Callable[[Line], None]


def _erase_before(line: Line) -> None:
    line.delete(line.before(), line.cursor)


def _erase_after(line: Line) -> None:
    line.delete(line.cursor, line.after())


def _cut_word(line: Line) -> None:
    line.cut(line.word_before(), line.cursor)


_ACTS: Final[dict[str, Act]] = {
    **dict.fromkeys(["\x1b[D", "\x1bOD", "\x02"], lambda line: line.move(line.before())),
    **dict.fromkeys(["\x1b[C", "\x1bOC", "\x06"], lambda line: line.move(line.after())),
    **dict.fromkeys(["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x01"], lambda line: line.move(0)),
    **dict.fromkeys(
        ["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\x05"], lambda line: line.move(len(line.text))
    ),
    **dict.fromkeys(
        ["\x1b[1;5D", "\x1b[1;3D", "\x1bb"], lambda line: line.move(line.word_before())
    ),
    **dict.fromkeys(["\x1b[1;5C", "\x1b[1;3C", "\x1bf"], lambda line: line.move(line.word_after())),
    **dict.fromkeys(["\x1b[A", "\x1bOA", "\x10"], lambda line: line.look_back(1)),
    **dict.fromkeys(["\x1b[B", "\x1bOB", "\x0e"], lambda line: line.look_back(-1)),
    **dict.fromkeys(["\x7f", "\x08"], _erase_before),
    **dict.fromkeys(["\x1b[3~", "\x04"], _erase_after),
    **dict.fromkeys(["\x17", "\x1b\x7f"], _cut_word),
    "\x1bd": lambda line: line.cut(line.cursor, line.word_after()),
    "\x15": lambda line: line.cut(0, line.cursor),
    "\x0b": lambda line: line.cut(line.cursor, len(line.text)),
    "\x19": Line.paste_cut,
    "\t": Line.complete,
}
