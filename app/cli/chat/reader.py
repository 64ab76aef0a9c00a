"""Reader: what a person types, one message at a time, over several lines where they like.

A message goes on in the next line after a backslash at the end, between lines of three quotation
marks, and where Ctrl-J was pressed or several lines were pasted. The history of the arrow keys
lives in memory only: a chat leaves nothing on the disk.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, final

PROMPT: Final = "> "
MORE: Final = ". "
"""ASCII, since readline garbles anything else where no locale is set."""
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
def editing(words: Sequence[str]) -> Iterator[None]:
    """Line editing with history, Tab for `words`, Ctrl-J and pasted lines as parts of a message."""
    # Windows has no readline; its console edits lines by itself.
    with contextlib.suppress(ImportError):
        _set_up_readline(words)
    with _enter_kept_apart():
        yield


def read_terminal_line(prompt: str) -> str:
    """One line from the terminal, the prompt on it."""
    sys.stdout.flush()
    return input(prompt)


def _set_up_readline(words: Sequence[str]) -> None:
    import readline  # noqa: PLC0415  # it changes the terminal, so for chats alone

    def complete(start: str, index: int) -> str | None:
        matches = [word for word in words if word.startswith(start)]
        return matches[index] if start and index < len(matches) else None

    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.set_auto_history(True)
    if "libedit" in (readline.__doc__ or ""):
        readline.parse_and_bind("bind ^I rl_complete")
        return
    readline.parse_and_bind("tab: complete")
    readline.parse_and_bind("set enable-bracketed-paste on")
    # A quoted newline: the key inserts a line end where Enter sends the message.
    readline.parse_and_bind(r'"\C-j": "\C-v\n"')


@contextmanager
def _enter_kept_apart() -> Iterator[None]:
    """Enter stays Enter while an answer is shown.

    There the terminal would turn it into Ctrl-J, and a message typed ahead would not be sent.
    """
    if sys.platform == "win32":
        yield
        return
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
