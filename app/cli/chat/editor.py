"""LineEditor: one line after the other from a terminal, edited with the keys that Line knows.

It takes the place of GNU readline, whose licence a bundle of this program could not carry: the same
editor runs wherever there is a terminal of POSIX. While a line is typed the terminal gives each key
at once and shows nothing by itself; between two lines it is as it was found. What is typed ahead
waits in the terminal, or here, for the next line. The history lives in memory only.
"""

import codecs
import os
import shutil
import signal
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final, TextIO, final

from rich.cells import cell_len

from app.cli.chat.line import Done, Line, key_in

_PASTE_ON: Final = "\x1b[?2004h"
_PASTE_OFF: Final = "\x1b[?2004l"
_ERASE_BELOW: Final = "\x1b[J"
_READ_BYTES: Final = 65_536
_HISTORY_LINES: Final = 1000
_SHOWN: Final = {"\n": "", "\t": "    "}


@final
@dataclass(frozen=True, slots=True)
class Picture:
    """A prompt and a text as rows of a terminal, and where the cursor stands in them."""

    rows: list[str]
    row: int
    column: int

    def window(self, height: int) -> "Picture":
        """The part around the cursor that a terminal of that height can show."""
        first = min(max(0, self.row - height + 1), max(0, len(self.rows) - height))
        return Picture(self.rows[first : first + height], self.row - first, self.column)


def picture_of(prompt: str, text: str, cursor: int, columns: int) -> Picture:
    """How it looks in so many columns, where the cursor stands before that character.

    The last column stays empty: after a character there, terminals differ in where they go on.
    """
    rows, width, place = [prompt], cell_len(prompt), None
    for index, char in enumerate(text):
        shown = _shown(char)
        takes = cell_len(shown)
        if width + takes >= columns:
            rows.append("")
            width = 0
        if index == cursor:
            place = (len(rows) - 1, width)
        rows[-1] += shown
        width += takes
        if char == "\n":
            rows.append("")
            width = 0
    return Picture(rows, *(place or (len(rows) - 1, width)))


def _shown(char: str) -> str:
    """What stands for a character: none that would steer the terminal reaches it."""
    code = ord(char)
    if char in _SHOWN:
        return _SHOWN[char]
    if code < 0x20 or code == 0x7F:
        return f"^{chr(code ^ 0x40)}"
    return "?" if 0x80 <= code < 0xA0 else char


@final
class LineEditor:
    """Reads from a terminal, and shows on it. For the main thread: it listens to signals."""

    def __init__(
        self, words: Sequence[str], *, keyboard: int | None = None, screen: TextIO | None = None
    ) -> None:
        self._words = words
        self._keyboard = sys.stdin.fileno() if keyboard is None else keyboard
        self._screen = screen or sys.stdout
        self._history: list[str] = []
        self._decoder = codecs.getincrementaldecoder(sys.stdin.encoding or "utf-8")("replace")
        self._rest = ""
        """Typed, and not yet pressed: what came after the last line's end, or half a key."""
        self._drawn: Picture | None = None

    def read(self, prompt: str) -> str:
        """The next line. Raises: EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C."""
        line = Line(self._words, self._history)
        self._drawn = None
        with self._each_key_at_once(prompt, line):
            done = None
            self._write(_PASTE_ON)
            try:
                self._draw(prompt, line)
                done = self._pressed(prompt, line)
            finally:
                # What was typed before Ctrl-C is no part of the next line.
                self._rest = "" if done is None else self._rest
                line.move(len(line.text))
                self._draw(prompt, line, is_whole=True)
                self._write(("\r\n" if done is Done.SENT else "") + _PASTE_OFF)
        if done is Done.END:
            raise EOFError
        if line.text.strip() and self._history[-1:] != [line.text]:
            self._history = [*self._history, line.text][-_HISTORY_LINES:]
        return line.text

    def _pressed(self, prompt: str, line: Line) -> Done:
        """Presses what is typed until the line is done."""
        while True:
            place = 0
            while (found := key_in(self._rest, place)) is not None:
                key, place = found
                done = line.press(key)
                if done is not None:
                    self._rest = self._rest[place:]
                    return done
            self._rest = self._rest[place:]
            if place:
                self._draw(prompt, line)
            typed = os.read(self._keyboard, _READ_BYTES)
            if not typed:
                return Done.END
            self._rest += self._decoder.decode(typed)

    def _draw(self, prompt: str, line: Line, *, is_whole: bool = False) -> None:
        """Shows the line in place of what was drawn of it before."""
        columns, height = shutil.get_terminal_size()
        before, whole = self._drawn, picture_of(prompt, line.text, line.cursor, columns)
        now = whole if is_whole else whole.window(height)
        to_begin = "" if before is None else _up(before.row) + "\r" + _ERASE_BELOW
        to_cursor = _up(len(now.rows) - 1 - now.row) + "\r" + _right(now.column)
        self._write(to_begin + "\r\n".join(now.rows) + to_cursor)
        self._drawn = now

    def _write(self, text: str) -> None:
        """Past Python's buffer: a signal that comes in the middle of it draws anew."""
        left = text.encode(self._screen.encoding or "utf-8", "replace")
        while left:
            left = left[os.write(self._screen.fileno(), left) :]

    @contextmanager
    def _each_key_at_once(self, prompt: str, line: Line) -> Iterator[None]:
        """The terminal gives keys as they are pressed; before and after as it was."""
        self._screen.flush()
        before = termios.tcgetattr(self._keyboard)
        changed = [*before]
        changed[0] &= ~(termios.ICRNL | termios.INLCR)
        # Signals stay: Ctrl-C and Ctrl-Z do what they do elsewhere.
        changed[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        changed[6] = [*before[6]]
        changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0

        def go_on(_signal: int, _frame: FrameType | None) -> None:
            # The shell, to which Ctrl-Z leads, has set the terminal up for itself.
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, changed)
            self._drawn = None
            self._draw(prompt, line)

        continued = signal.signal(signal.SIGCONT, go_on)
        termios.tcsetattr(self._keyboard, termios.TCSADRAIN, changed)
        try:
            yield
        finally:
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, before)
            signal.signal(signal.SIGCONT, continued)


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows else ""


def _right(columns: int) -> str:
    return f"\x1b[{columns}C" if columns else ""
