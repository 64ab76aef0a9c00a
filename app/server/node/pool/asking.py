"""Asking: one request of this node under way in its pool, from `Ask` to its last `Told`.

It outlives its client: who leaves sends `CancelAsk`, and what had been delivered by then is still
to be paid, so the ask stays open until the host has told the cost.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, final

from app.core.base.errors import AthanorError, Busy, EngineFailed
from app.core.base.ids import JobId
from app.core.base.units import Micros
from app.server.node.pool.refused import pool_error
from app.wire.engine import Begun, Completed, Delta, Embedded, Ended, Progress, Refused
from app.wire.pool import Ask, Told

AnswerEvent = Begun | Progress | Delta | Ended | Embedded | Completed

UNREAD_MAX: Final = 10_000
"""Events that wait for a slow client, as many as an engine's may."""


@final
class Asking:
    """Used by one event loop: the link feeds `told`, the client's stream takes `next`."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.cost: Micros | None = None
        """None until the last word came."""
        self.receipt = ""
        self.served_by = ""
        self.prompt = 0
        self.completion = 0
        self.is_abandoned = False
        """The client left: nobody takes events any more."""
        self.ended = asyncio.Event()
        """The cost is known, or will never be."""
        self._events: deque[AnswerEvent | AthanorError] = deque()
        self._held: Completed | Embedded | AthanorError | None = None
        self._has_failed = False
        self._news = asyncio.Event()

    @property
    def job(self) -> JobId:
        """By which node and host speak of it."""
        return self.ask.job

    @property
    def has_begun(self) -> bool:
        """The client may have seen a part of the answer."""
        return self.completion > 0

    def told(self, told: Told, events: Sequence[AnswerEvent | Refused]) -> None:
        """The next words of the host, opened where they were sealed."""
        self.served_by = told.served_by or self.served_by
        for event in events:
            self._take(event)
        if told.is_last:
            # A host cannot make us pay more than was agreed; what it books beyond is its dispute.
            self.cost = Micros(min(max(0, told.cost), self.ask.cost_max))
            self.receipt = told.receipt

    def finish(self) -> None:
        """The cost is known, and kept where that can be: the client may hear the end."""
        if self._held is None and not self._has_failed:
            self._held = EngineFailed("the pool ended the answer without a last word")
        if self._held is not None:
            self._put(self._held)
        self.ended.set()

    def fail(self, error: AthanorError) -> None:
        """Nothing more comes."""
        self._put(error)
        self.ended.set()

    async def next(self) -> AnswerEvent:
        """The next event. Raises: the error that ended the answer."""
        while not self._events:
            self._news.clear()
            await self._news.wait()
        event = self._events.popleft()
        if isinstance(event, AthanorError):
            raise event
        return event

    def _take(self, event: AnswerEvent | Refused) -> None:
        match event:
            case Refused():
                self._held = pool_error(event)
            case Completed(usage=usage):
                self.prompt, self.completion = usage.prompt, usage.completion
                self._held = self._held or event
            case Begun(prompt_tokens=tokens):
                self.prompt = tokens
                self._put(event)
            case Embedded(prompt_tokens=tokens):
                self.prompt = tokens
                self._held = event
            case Delta(tokens=tokens):
                self.completion += tokens
                self._put(event)
            case _:
                self._put(event)

    def _put(self, event: AnswerEvent | AthanorError) -> None:
        self._has_failed |= isinstance(event, AthanorError)
        if self.is_abandoned:
            return
        if len(self._events) >= UNREAD_MAX:
            self._events.clear()
            self._events.append(Busy("the answer was not read in time", retry_after_seconds=1))
        else:
            self._events.append(event)
        self._news.set()
