"""Log ring: the newest lines of the log in memory, for whoever looks at them while they come.

It begins with the end of the log file, so that what happened before a restart can be read too.
Lines come from any thread; readers are told on their own event loop.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, final

import msgspec

from app.observe.logging import ContentFilter, LineFormatter

LINES_KEPT: Final = 1000
_FILE_BYTES: Final = 128 * 1024
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


@final
class Line(msgspec.Struct, frozen=True):
    """One line of the log. Numbers rise by one."""

    number: int
    level: int
    """As logging counts: 10 debug, 20 info, 30 warning, 40 error."""
    text: str


@final
class LogRing(logging.Handler):
    """A handler of the root logger, with the same filter and form as the log file's."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(ContentFilter())
        self.setFormatter(LineFormatter())
        self._lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self._count = 0
        self._guard = threading.Lock()
        self._listeners: set[Callable[[], None]] = set()

    def begin_with(self, log_file: Path) -> None:
        """Take the end of the file in front; one that cannot be read has no end."""
        try:
            with log_file.open("rb") as file:
                file.seek(0, 2)
                start = max(0, file.tell() - _FILE_BYTES)
                file.seek(start)
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return
        lines = text.splitlines()
        level = logging.INFO
        for line in lines[1:] if start else lines:
            # The lines of a traceback belong to the line before them.
            level = level_of(line) or level
            self._add(level, line)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line and tell who listens."""
        try:
            text = self.format(record)
        except (TypeError, ValueError):  # a wrong format must not end what it speaks of
            self.handleError(record)
            return
        self._add(record.levelno, text)
        for listener in tuple(self._listeners):
            listener()

    @property
    def count(self) -> int:
        """The newest line's number."""
        return self._count

    def lines(self, *, after: int = 0, level: int = 0) -> Sequence[Line]:
        """The kept lines past a number and of this level at least, oldest first."""
        with self._guard:
            return [each for each in self._lines if each.number > after and each.level >= level]

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have `listener` called, on any thread, after each line; the answer ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _add(self, level: int, text: str) -> None:
        with self._guard:
            self._count += 1
            self._lines.append(Line(self._count, level, text))


def level_of(line: str) -> int | None:
    """The level in a line of ours: its second word."""
    words = line.split(" ", 2)
    return _LEVELS.get(words[1]) if len(words) > 1 else None
