"""Server-sent events: a response that is written while its answer is made.

Until the first event there is still time to answer with a proper status, so the headers wait for
it; but no longer than one heartbeat, since clients and proxies give up on silence. From then on
silence is never longer than a heartbeat (comments, which every client skips), and a failure can
only be told as an event: the stream then ends without [DONE].
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, final

from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

from app.server.web.errors import failure_of
from app.server.web.presence import Broken, Gone, while_present

HEARTBEAT: Final = b": keep-alive\n\n"

Emit = Callable[[bytes], Awaitable[None]]
Produce = Callable[[Emit], Awaitable[None]]
"""Makes the answer, handing each event to `emit`, which waits when the client reads slowly."""

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


@final
class EventStream:
    """An ASGI response. Raises what `produce` raises before its first event, nothing after."""

    def __init__(self, produce: Produce, *, heartbeat_seconds: float) -> None:
        self._produce = produce
        self._heartbeat = heartbeat_seconds
        self._is_begun = False
        self._sent_at = 0.0
        self._lock = asyncio.Lock()  # Events and heartbeats come from two tasks.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the stream until it ends or the client leaves."""
        self._send = send
        self._now = asyncio.get_running_loop().time
        self._sent_at = self._now()
        outcome = await while_present(receive, self._run())
        if isinstance(outcome, Gone):
            return
        if isinstance(outcome, Broken):
            if not self._is_begun:
                raise outcome.error
            await self._emit(failure_of(outcome.error).event())
        async with self._lock:
            await self._begin()  # There may have been nothing to tell.
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(self._beat(), name="heartbeat")
            await self._produce(self._emit)
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            silence = self._now() - self._sent_at
            if silence >= self._heartbeat:
                await self._emit(HEARTBEAT)
            else:
                await asyncio.sleep(self._heartbeat - silence)

    async def _emit(self, event: bytes) -> None:
        async with self._lock:
            await self._begin()
            await self._send({"type": "http.response.body", "body": event, "more_body": True})
            self._sent_at = self._now()

    async def _begin(self) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": 200,
            "headers": list(_HEADERS),
        }
        await self._send(start)
