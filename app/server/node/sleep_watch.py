"""SleepWatch: what the node does before the computer sleeps, and after.

The system's signals come in a thread of their own, which waits there until the node is ready, as
long as the system lets it. Where the system tells nothing, or stopped telling, the clocks tell
afterwards (`slept`), and the node does then what it does after a sleep.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Final, final

from app.server.hardware.surroundings.sleep_signals import (
    PREPARE_SECONDS_MAX,
    SleepSignals,
    SleepUntold,
    SleepWord,
)
from app.server.node.bell import Bell

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 300.0
"""A bus that was not there, or went, is asked again after so long."""

_Told = tuple[SleepWord, threading.Event]


@final
class SleepWatch:
    """Used by one event loop. `signals` makes the signals anew at each try."""

    def __init__(
        self,
        signals: Callable[[], SleepSignals],
        *,
        before: Callable[[], Awaitable[None]],
        after: Callable[[], Awaitable[None]],
    ) -> None:
        self._signals = signals
        self._before = before
        self._after = after
        self._told: asyncio.Queue[_Told] = asyncio.Queue(maxsize=16)
        self._bell = Bell()
        self._was_told = False
        """A signal has announced a sleep that the clocks have not shown yet."""

    async def keep_watch(self) -> None:
        """Runs until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_hearing(), name="sleep signals")
            while True:
                word, is_ready = await self._told.get()
                try:
                    await self._follow(word)
                finally:
                    is_ready.set()

    async def slept(self) -> None:
        """The clocks say that the computer slept; nothing happens where a signal said so too."""
        was_told, self._was_told = self._was_told, False
        if not was_told:
            await self._after()

    async def _follow(self, word: SleepWord) -> None:
        if word == "sleeps":
            log.info("the computer is about to sleep")
            self._was_told = True
            try:
                async with asyncio.timeout(PREPARE_SECONDS_MAX):
                    await self._before()
            except TimeoutError:
                log.warning("the computer sleeps before all was told")
            return
        log.info("the computer woke")
        await self._after()

    async def _keep_hearing(self) -> None:
        while True:
            signals = self._signals()
            try:
                await self._hear(signals)
            finally:
                signals.close()
            await self._bell.wait(AGAIN_SECONDS)

    async def _hear(self, signals: SleepSignals) -> None:
        """Returns when the signals end."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def tell(word: SleepWord) -> None:
            is_ready = threading.Event()
            loop.call_soon_threadsafe(self._told.put_nowait, (word, is_ready))
            is_ready.wait(PREPARE_SECONDS_MAX)

        def run() -> None:
            try:
                signals.run(tell)
            except SleepUntold as error:
                log.info("sleep is seen afterwards only", extra={"because": str(error)})
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(ended.set)

        # A daemon: it waits for the system, and must not hold up the end of the program.
        threading.Thread(target=run, name="sleep signals", daemon=True).start()
        await ended.wait()
