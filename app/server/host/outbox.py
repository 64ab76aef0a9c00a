"""Outbox: what waits to be written to one socket, in order, and no more than so much of it.

A member that reads slowly must not make the host remember all that it does not read: past the
limit its connection is closed, and what it lacks is sent again when it comes back.
"""

import asyncio
from collections import deque
from typing import final

from app.server.host.socket import Socket


@final
class Outbox:
    """Messages to one socket. Filled by anybody on the loop, emptied by `keep_writing`."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._reason: str | None = None
        self.is_cut = False
        """The other end read too slowly; nothing is written any more."""

    def write(self, data: bytes) -> None:
        """One binary message, at some time soon. Nothing after `end`."""
        if self._reason is not None or not data:
            return
        self._waiting.append(data)
        self._bytes += len(data)
        if self._bytes > self._bytes_max:
            self.is_cut = True
            self._waiting.clear()
            self._bytes = 0
            self._reason = "read too slowly"
        self._news.set()

    def end(self, reason: str) -> None:
        """Close the socket when what waits is written."""
        if self._reason is None:
            self._reason = reason
            self._news.set()

    async def keep_writing(self, socket: Socket) -> None:
        """Returns when all is written after `end`, or the socket is over; it is closed then."""
        try:
            while True:
                while self._waiting:
                    data = self._waiting.popleft()
                    self._bytes -= len(data)
                    await socket.send(data)
                if self._reason is not None:
                    return
                self._news.clear()
                if not self._waiting:
                    await self._news.wait()
        except OSError:
            return
        finally:
            await socket.close(self._reason or "")
