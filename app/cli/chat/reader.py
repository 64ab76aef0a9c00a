"""Reader: what a person types, one message at a time, over several lines where they like.

A message goes on in the next line after a backslash at the end, between lines of three quotation
marks, and where Ctrl-J was pressed or several lines were pasted. The history of the arrow keys
lives in memory only: a chat leaves nothing on the disk.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, final

PROMPT: Final = "> "
MORE: Final = ". "
"""ASCII, which every terminal shows, whatever its locale."""
FENCE: Final = '"""'


@final
@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed. `is_command` for a line that begins with "/", unless it is fenced."""

    text: str
    is_command: bool


def read_typed(read_line: Callable[[str], str]) -> Typed:
    """The next message or command; `read_line` gets the prompt to show.

    Raises: EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C, from `read_line`.
    """
    line = read_line(PROMPT)
    if line.lstrip().startswith(FENCE):
        return Typed(_fenced(line.lstrip().removeprefix(FENCE), read_line), is_command=False)
    lines = [line]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1].removesuffix("\\")
        lines.append(read_line(MORE))
    text = "\n".join(lines).strip()
    return Typed(text, is_command=text.startswith("/"))


def _fenced(first: str, read_line: Callable[[str], str]) -> str:
    lines = [first]
    while not lines[-1].rstrip().endswith(FENCE):
        lines.append(read_line(MORE))
    lines[-1] = lines[-1].rstrip().removesuffix(FENCE)
    return "\n".join(lines).strip("\n")


@contextmanager
def editing(words: Sequence[str]) -> Iterator[Callable[[str], str]]:
    """What reads a line for `read_typed`: edited with a history, Tab for `words`, Ctrl-J and pasted
    lines as parts of a message.

    Where there is no terminal that could show one that is edited, the system's own line is read.
    """
    read_line = _edited_line(words) if _is_terminal() else None
    if read_line is None or sys.platform == "win32":
        yield read_line or _plain_line
        return
    with _enter_kept_apart():
        yield read_line


def _is_terminal() -> bool:
    """Whether what is typed and what is shown are both at a terminal that can move its cursor."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and (sys.platform == "win32" or os.environ.get("TERM", "dumb") != "dumb")


def _edited_line(words: Sequence[str]) -> Callable[[str], str] | None:
    from app.cli.chat.prompt import edited_line  # noqa: PLC0415  # a chat alone waits for it

    return edited_line(words, MORE)


def _plain_line(prompt: str) -> str:
    """A line as the system reads it. What ends the chat, or warns of it, ends the row as well."""
    sys.stdout.flush()
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        raise


@contextmanager
def _enter_kept_apart() -> Iterator[None]:
    """Enter stays Enter while an answer is shown.

    There the terminal would turn it into Ctrl-J, and a message typed ahead would not be sent.
    """
    import termios  # noqa: PLC0415  # not on Windows

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    changed = [*before]
    changed[0] &= ~termios.ICRNL
    termios.tcsetattr(terminal, termios.TCSANOW, changed)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
