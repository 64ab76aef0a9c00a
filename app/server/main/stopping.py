"""Stopping: the two ways in which somebody asks the server to end.

The first signal (or the local API) asks for an end in order; a second signal means at once.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, final

if sys.platform == "win32":
    SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@final
class Stopping:
    """Asked once, asked twice. Made and used on one event loop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        """Set: end in order."""
        self.urged = asyncio.Event()
        """Set: end at once."""

    def ask(self) -> None:
        """Begin to end; returns at once."""
        self.asked.set()

    def signalled(self) -> None:
        """A signal came."""
        if self.asked.is_set():
            self.urged.set()
        self.asked.set()

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Inside this block signals are answered here; before and after it as they were.

        Only the main thread can do that; on any other the block changes nothing. Who was started
        by `nohup` goes on without its terminal: what it switched off stays so.
        """
        loop = asyncio.get_running_loop()

        def on_signal(_: int, __: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.signalled)

        try:
            before = {
                number: signal.signal(number, on_signal)
                for number in SIGNALS
                if not is_of_nohup(number)
            }
        except ValueError:
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def is_of_nohup(number: signal.Signals) -> bool:
    """Whether this signal is the end of a terminal that was to be outlived. The others count
    even where they are ignored: shells begin whatever runs in the background deaf to SIGINT."""
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN
