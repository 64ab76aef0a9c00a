"""Tape: the events of one job on their way to whoever reads them, in memory alone.

Most tapes have one reader and keep nothing that was read. The tape of a request that came with an
idempotency key is kept whole for a while, so that asking again gets the same answer and costs
nothing. A reader that is far behind is cut off: what it does not read would pile up here.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final, final

from app.core.pool.jobs.effects import End
from app.core.pool.jobs.job import AnswerEvent
from app.wire.message import Private
from app.wire.pool import Sealed

EVENTS_MAX: Final = 20_000
"""Unread events of one answer: more than any client that reads at all is behind."""


_READ_AT_ONCE: Final = 64
"""So many read events may wait to be forgotten."""


@final
class Taped(Private, frozen=True):
    """One event, for which a repr would be a leak."""

    event: AnswerEvent | Sealed


@final
class Tape:
    """Filled by the job, read by `events`. Used by one event loop."""

    def __init__(self, *, is_kept: bool = False) -> None:
        self._events: list[Taped] = []
        self._is_kept = is_kept
        self._news = asyncio.Event()
        self.readers = 0
        self.end_of_job: End | None = None
        self.is_overfull = False
        """The reader is too far behind; nothing more is kept for it."""
        self._when_over: Callable[[End], None] = _nobody_waits

    def __repr__(self) -> str:
        return f"<Tape of {len(self._events)} events>"

    def deliver(self, events: tuple[AnswerEvent | Sealed, ...]) -> None:
        """More of the answer."""
        if self.is_overfull:
            return
        self._events += [Taped(event) for event in events]
        if len(self._events) > EVENTS_MAX and not self._is_kept:
            self.is_overfull = True
            self._events.clear()
        self._news.set()

    def end(self, end: End) -> None:
        """The answer is over."""
        self.end_of_job = end
        self._news.set()
        self._when_over(end)

    def when_over(self, call: Callable[[End], None]) -> None:
        """Have it called at the end, read or not, and again where its cost comes later; now where
        the answer is over.
        """
        self._when_over = call
        if self.end_of_job is not None:
            call(self.end_of_job)

    async def events(self) -> AsyncGenerator[AnswerEvent | Sealed, None]:
        """Each event once, from the first; ends when the job does. Then `end_of_job` is there."""
        place = 0
        self.readers += 1
        try:
            while True:
                while place < len(self._events) and not self.is_overfull:
                    event = self._events[place].event
                    place += 1
                    if place >= _READ_AT_ONCE and not self._is_kept:
                        del self._events[:place]
                        place = 0
                    yield event
                if self.end_of_job is not None or self.is_overfull:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self.readers -= 1


def _nobody_waits(_: End) -> None:
    """Only who reads cares for the end."""
