"""A terminal with a program in it, for tests that type and read as a person does."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

WAIT_SECONDS = 60.0
ROOT = Path(__file__).parents[2]

PRESS_SECONDS = 1.0

CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_J = "\n"
CTRL_Z = "\x1a"
ENTER = "\r"

PROMPT = ">\b"
MORE = ".\b"
"""The prompt of a chat where nothing is typed yet, and of a further line: prompt_toolkit moves the
cursor over the blank."""


class Terminal:
    """The near end of a pseudo-terminal. What was shown is kept; `expect` looks at the new part."""

    def __init__(self, descriptor: int, process: "subprocess.Popen[bytes]") -> None:
        self._descriptor = descriptor
        self._seen = 0
        self.process = process
        self.shown = ""

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._descriptor, text.encode())

    def expect(self, text: str) -> str:
        """Waits until `text` is shown; what came before it since the last call."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := self.shown.find(text, self._seen)) < 0:
            left = deadline - time.monotonic()
            assert left > 0 and self._read(left), f"{text!r} was not shown in:\n{self.shown}"
        before = self.shown[self._seen : found]
        self._seen = found + len(text)
        return before

    def modes(self) -> list[object]:
        """How the terminal treats what is typed and shown, as termios tells it."""
        return termios.tcgetattr(self._descriptor)

    def press_until_ended(self, key: str) -> int:
        """Presses the key, again where it was lost, until the program ends; its exit code.

        Python looks for signals just before it waits for a key: one that comes in between is
        seen at the next key only.
        """
        for _ in range(int(WAIT_SECONDS / PRESS_SECONDS)):
            with contextlib.suppress(OSError):
                self.type(key)
            deadline = time.monotonic() + PRESS_SECONDS
            while (left := deadline - time.monotonic()) > 0 and self._read(left):
                pass
            # The terminal may be let go a moment before the process is gone.
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(PRESS_SECONDS)
        raise AssertionError(f"it did not end after:\n{self.shown}")

    def ended(self) -> int:
        """Waits for the end of the program; its exit code."""
        while self._read(WAIT_SECONDS):
            pass
        return self.process.wait(WAIT_SECONDS)

    def _read(self, seconds: float) -> bool:
        """More of what is shown; False at the end or after the time."""
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        if not readable:
            return False
        # Linux says EIO when the far end was closed.
        with contextlib.suppress(OSError):
            data = os.read(self._descriptor, 65536)
            self.shown += data.decode("utf-8", "replace")
            return bool(data)
        return False


def terminal(
    *arguments: str, home: Path, term: str = "xterm-256color"
) -> AbstractContextManager[Terminal]:
    """`athanor ARGUMENTS` in a terminal of 100 columns; killed when the block ends."""
    return terminal_of([sys.executable, "-m", "app", *arguments], home=home, term=term)


@contextmanager
def terminal_of(command: list[str], *, home: Path, term: str) -> Iterator[Terminal]:
    """Any program in such a terminal."""
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR", "CI"}}
    process = subprocess.Popen(
        command,
        stdin=far,
        stdout=far,
        stderr=far,
        cwd=ROOT,
        env={**environment, "ATHANOR_HOME": str(home), "TERM": term},
        start_new_session=True,
        # The terminal must be the program's own, or Ctrl-C would reach nobody.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(far)
    try:
        yield Terminal(near, process)
    finally:
        process.kill()
        process.wait()
        os.close(near)
