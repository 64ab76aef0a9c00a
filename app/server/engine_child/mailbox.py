"""Mailbox: the events of one request, between the pipe's reader and the client's task.

The reader never waits for a client. What a client does not take waits here, up to a number of
events; past that the client is taken to be gone.
"""

import asyncio
from collections import deque
from typing import final

from app.core.base.errors import AthanorError
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Embedded,
    Ended,
    Measured,
    Progress,
    Refused,
    Text,
    Tokens,
)

Answer = (
    Begun | Progress | Delta | Ended | Completed | Refused | Embedded | Tokens | Text | Measured
)


@final
class Mailbox:
    """One writer (`put`, `fail`), one reader (`take`), on one event loop."""

    def __init__(self, unread_max: int) -> None:
        self._unread_max = unread_max
        self._waiting: deque[Answer] = deque()
        self._error: AthanorError | None = None
        self._reader: asyncio.Future[None] | None = None

    def put(self, answer: Answer) -> bool:
        """Leave an answer for the reader; False when there is no room, and it is lost."""
        if len(self._waiting) >= self._unread_max:
            return False
        self._waiting.append(answer)
        self._wake()
        return True

    def fail(self, error: AthanorError) -> None:
        """After what waits, the reader gets `error`; the first one counts."""
        if self._error is None:
            self._error = error
            self._wake()

    async def take(self) -> Answer:
        """The next answer. Raises: the error of `fail`, once all before it is taken."""
        while not self._waiting:
            if self._error is not None:
                raise self._error
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._waiting.popleft()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
