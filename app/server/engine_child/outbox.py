"""Outbox: frames on their way to an engine child, in order.

Putting never waits: the event loop must not stand still because a child does not read. What lies
here is bounded by the requests in flight, since each has one message and one Cancel at most.
"""

import asyncio
from collections import deque
from typing import Final, final

import msgspec

from app.core.base.ids import RequestId
from app.wire.engine import Cancel
from app.wire.framing import encode_frame

WRITE_BYTES: Final = 1 << 16
"""Small frames are joined up to this size, so that many requests cost few system calls."""


@final
class Outbox:
    """Many writers, one sender (`send_to`), on one event loop."""

    def __init__(self) -> None:
        self._frames: deque[tuple[RequestId | None, bytes]] = deque()
        self._news = asyncio.Event()

    def put(self, message: msgspec.Struct, request: RequestId | None = None) -> None:
        """Queue a message; `request` lets it be taken back."""
        self._frames.append((request, encode_frame(message)))
        self._news.set()

    def cancel(self, request: RequestId) -> None:
        """Take the request's message back, or send Cancel after it when it has left."""
        before = len(self._frames)
        self._frames = deque(frame for frame in self._frames if frame[0] != request)
        if len(self._frames) == before:
            self.put(Cancel(request=request))

    async def send_to(self, pipe: asyncio.StreamWriter) -> None:
        """Write what comes, until cancelled or the other end is closed."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._frames:
                    pipe.write(self._next())
                    await pipe.drain()
        except (BrokenPipeError, ConnectionResetError):
            # The child is ending; whoever watches its exit says why.
            return

    def _next(self) -> bytes:
        _, frame = self._frames.popleft()
        parts, size = [frame], len(frame)
        while self._frames and size + len(self._frames[0][1]) <= WRITE_BYTES:
            _, frame = self._frames.popleft()
            parts.append(frame)
            size += len(frame)
        return b"".join(parts)
