"""Logging: one line an event to stderr and to a file that turns over, and never a user's words.

A line is time, level, logger, sentence, fields: `log.info("request ended", extra={"tokens": 12})`.

The last guard of privacy stands here: a record that carries a message of the wire with user
content, anywhere in its arguments or fields, is replaced by a line that names the place which
tried. The first guard is that such messages have no telling repr.
"""

import logging
import logging.handlers
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, final

from app.wire.message import Private

Level = Literal["debug", "info", "warning", "error"]

FILE_BYTES_MAX: Final = 2 * 1024 * 1024
FILES_KEPT: Final = 2
"""Besides the one that is written: a log takes 6 MiB at most, some 60,000 lines."""

_QUIET: Final = (
    "aiosqlite",
    "asyncio",
    "httpcore",
    "httpx",
    "uvicorn",
    "uvicorn.access",
    "wakepy",
    "websockets",
)
"""Their debug and info lines carry addresses, headers or parameters of statements."""

TOLD: Final = {"is_told": True}
"""Fields of a record that a face shows in its own words: it stays off a terminal."""

_STANDARD: Final = frozenset(vars(logging.makeLogRecord(TOLD))) | {
    *("message", "asctime", "taskName")
}
"""What every record has; the rest of its attributes are the fields of the call."""

_DEPTH_MAX: Final = 4
"""How deep containers are searched: what is deeper has no repr in a line of ours."""


def carries_content(value: object, depth: int = 0) -> bool:
    """Whether a message with a user's words is in `value`, containers searched."""
    if isinstance(value, Private):
        return True
    if depth >= _DEPTH_MAX or isinstance(value, str | bytes | int | float | None):
        return False
    inside: Iterable[object] = ()
    if isinstance(value, Mapping):
        inside = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        inside = value
    elif isinstance(value, BaseException):
        inside = value.args
    return any(carries_content(item, depth + 1) for item in inside)


@final
class ContentFilter(logging.Filter):
    """Takes the content out of a record and leaves a complaint in its place."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: the record is written, mended where it had to be."""
        fields = _fields(record)
        error = record.exc_info[1] if record.exc_info else None
        if not any(carries_content(value) for value in (record.msg, record.args, fields, error)):
            return True
        for name in fields:
            del record.__dict__[name]
        record.msg, record.args = "a log line with user content was withheld", ()
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.ERROR, "ERROR"
        record.place = f"{record.filename}:{record.lineno}"
        return True


@final
class ToldFilter(logging.Filter):
    """Keeps from a terminal what stands there already, said by a face."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a record with the fields of `TOLD`."""
        return not getattr(record, "is_told", False)


@final
class LineFormatter(logging.Formatter):
    """`2026-03-01T12:00:00.123Z info app.server.node request ended tokens=12`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; more only for a traceback."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        sentence = record.getMessage().replace("\n", " ")
        words = [
            f"{stamp}.{int(record.msecs):03}Z",
            record.levelname.lower(),
            record.name,
            sentence,
            *(f"{name}={_shown(value)}" for name, value in _fields(record).items()),
        ]
        line = " ".join(words)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up(level: Level, file: Path | None) -> None:
    """Sends all logging of this process to stderr, and to `file` where one is given.

    May be called again: the former set-up is replaced. Raises: OSError when `file` cannot be made.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if sys.stderr.isatty():
        handlers[0].addFilter(ToldFilter())
    if file is not None:
        handlers.append(
            logging.handlers.RotatingFileHandler(
                file,
                maxBytes=FILE_BYTES_MAX,
                backupCount=FILES_KEPT,
                encoding="utf-8",
                errors="backslashreplace",
            )
        )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.addFilter(ContentFilter())
        handler.setFormatter(LineFormatter())
        root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _shown(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(c.isspace() or c == "=" for c in text) else text
