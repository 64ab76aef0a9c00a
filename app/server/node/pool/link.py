"""Link: keeps the node in touch with the host of its pool, whatever the network does.

One outbound WebSocket at a time carries the session. When it is lost the session waits for the next
one; when the session is over too, a new one is opened. Between two tries the node waits by chance
within a bound that grows, or as long as the host said.

Rule: nothing here is the node's own serving, and no fault here reaches it.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, final

from app.core.base.errors import TooLarge
from app.core.member.reconnect import wait_seconds
from app.core.pool.happenings import (
    CloseSocket,
    HeartbeatDue,
    Ignored,
    NodeHappening,
    Opened,
    Received,
    Refused,
    SessionEnded,
    Write,
)
from app.core.pool.node_session import NodeSession
from app.core.state.pool_state import LinkLife
from app.server.hardware.surroundings.sleep import sleepless_seconds
from app.server.node.bell import Bell
from app.server.node.pool.socket import Socket, Unreachable, open_socket
from app.wire.message import Message
from app.wire.opening import Established
from app.wire.pool import Ask, Heartbeat

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""As often the clock is looked at: timers stand still while the computer sleeps."""
GOOD_SECONDS: Final = 60.0
"""A session that stood so long was a good one: the waits begin anew. One that falls at once, again
and again, must not be opened every second."""
LAST_SECONDS: Final = 1.0
"""For the last words to be with the system."""


class Ear(Protocol):
    """Who is told what the link hears. Nothing here may wait long."""

    async def opened(self, established: Established, *, is_resumed: bool, lost: str) -> None:
        """A session stands. `lost`: another one was before, and all that ran over it is lost."""

    async def heard(self, frame: Message) -> None:
        """A frame of the session."""

    def heartbeat(self) -> Heartbeat:
        """What to tell the host now."""

    async def over(self, why: str) -> None:
        """The session is over, and what ran over it."""

    def lives(
        self, life: LinkLife, *, trouble: str = "", remedy: str = "", retry_at: float | None = None
    ) -> None:
        """How the link is now. `retry_at` is of `now`.

        While it connects `trouble` and `remedy` are of the last time: they hold until it stands.
        """


@final
class Link:
    """The link of one membership. `run` it once; `send` works while a session stands."""

    def __init__(
        self,
        session: NodeSession,
        address: str,
        ear: Ear,
        *,
        now: Callable[[], float],
        nonce: Callable[[], bytes],
        chance: Callable[[], float],
        clock: Callable[[], float] = sleepless_seconds,
    ) -> None:
        self._session = session
        self._address = address
        self._ear = ear
        self._now = now
        self._nonce = nonce
        self._chance = chance
        self._clock = clock
        self._out: deque[bytes] = deque()
        self._bell = Bell()
        self.received_bytes = 0
        """Over the socket that is open, or was last."""
        self._opened_at: float | None = None
        self._is_leaving = False
        self._is_woken = False
        self._written = asyncio.Event()
        self._written.set()
        self._end: _End | None = None
        """Of the socket that is open."""

    @property
    def is_open(self) -> bool:
        """A session stands: what is sent arrives, though perhaps after a lost socket."""
        return self._session.established is not None

    def send(self, frame: Message) -> bool:
        """Send it in its turn; False without a session, of what is too large, and of an ask while
        large ones are on their way. Never waits.
        """
        if not self.is_open or self._is_leaving:
            return False
        if isinstance(frame, Ask) and not self._session.may_ask:
            return False
        try:
            data = self._session.send(frame, self._clock())
        except TooLarge as error:
            log.error("nothing is sent", extra={"why": error.message})
            return False
        if data:
            self._written.clear()
            self._out.append(data)
        self._bell.ring()
        return True

    async def written(self) -> None:
        """Returns when all that was sent is with the system, or no socket is there to take it."""
        await self._written.wait()

    def wake(self) -> None:
        """The computer slept: what the socket was is not known, so another one is opened at once.

        A host that said when to come back is obeyed all the same.
        """
        self._is_woken = True
        if self._end is not None:
            self._end.be("the computer slept")
        self._bell.ring()

    async def run(self) -> None:
        """Runs until it is cancelled, or the host said not to come back."""
        failures, trouble, remedy = 0, "", ""
        while not self._is_leaving:
            self._ear.lives("connecting", trouble=trouble, remedy=remedy)
            trouble, remedy, directed = await self._one_socket()
            if directed is None:
                self._ear.lives("refused", trouble=trouble, remedy=remedy)
                await self._over(trouble)
                return
            opened = self._opened_at
            was_good = opened is not None and self._clock() - opened > GOOD_SECONDS
            failures = 0 if was_good or self._is_woken else failures + 1
            wait = wait_seconds(max(0, failures - 1), self._chance(), directed=directed)
            await self._wait(wait, trouble, remedy, is_directed=directed > 0)

    async def leave(self, goodbye: Message | None = None, *, is_for_good: bool) -> None:
        """Say goodbye and end the session; the socket closes soon. Waits a moment at most, until
        the goodbye is with the system."""
        if goodbye is not None:
            self.send(goodbye)
        self._is_leaving = True
        if data := self._session.leave(self._clock(), is_for_good=is_for_good):
            self._written.clear()
            self._out.append(data)
        self._bell.ring()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.written()

    # --- one socket ---

    async def _one_socket(self) -> tuple[str, str, float | None]:
        """Why it was lost, what helps, and the host's wait (0: any; None: not again)."""
        self._out.clear()
        self._opened_at = None
        self.received_bytes = 0
        self._is_woken = False
        end = self._end = _End()
        try:
            async with open_socket(self._address) as socket:
                await socket.send(self._session.dial(self._nonce(), self._clock()))
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._read(socket, end), name="pool reader"),
                        group.create_task(self._write(socket, end), name="pool writer"),
                        group.create_task(self._time(end), name="pool timer"),
                    ]
                    await end.came.wait()
                    await self._flush(socket)
                    for task in tasks:
                        task.cancel()
        except Unreachable as error:
            end.be(error.why, directed=error.retry_after_seconds)
        except BaseException:
            self._session.socket_lost(self._clock())
            raise
        finally:
            self._end = None
            self._written.set()
        await self._act(self._session.socket_lost(self._clock()), end)
        log.info("connection to the pool ended", extra={"opened": self._opened_at is not None})
        return end.why, end.remedy, end.directed

    async def _read(self, socket: Socket, end: "_End") -> None:
        try:
            while not end.came.is_set():
                data = await socket.receive()
                self.received_bytes += len(data)
                await self._act(self._session.receive(data, self._clock()), end)
                self._bell.ring()
        except Unreachable as error:
            end.be(error.why)

    async def _write(self, socket: Socket, end: "_End") -> None:
        try:
            while True:
                while self._out:
                    await socket.send(self._out.popleft())
                self._written.set()
                if self._is_leaving:
                    end.be("the node left")
                await self._bell.wait()
        except Unreachable as error:
            end.be(error.why)

    async def _flush(self, socket: Socket) -> None:
        """The last words, as far as the socket takes them."""
        with contextlib.suppress(Unreachable, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self._out:
                    await socket.send(self._out.popleft())

    async def _time(self, end: "_End") -> None:
        while not end.came.is_set():
            due = self._session.next_due()
            left = LOOK_SECONDS if due is None else min(LOOK_SECONDS, due - self._clock())
            if left > 0:
                await self._bell.wait(left)
            now = self._clock()
            if due is not None and now >= due:
                await self._act(self._session.due(now), end)
                self._bell.ring()

    async def _wait(self, seconds: float, trouble: str, remedy: str, *, is_directed: bool) -> None:
        """Until the next try; the session may end meanwhile. A wake ends it, but not the host's."""
        until = self._clock() + seconds
        retry_at = self._now() + seconds
        self._ear.lives("waiting", trouble=trouble, remedy=remedy, retry_at=retry_at)
        while (left := until - self._clock()) > 0 and not self._is_leaving:
            if self._is_woken and not is_directed:
                return
            due = self._session.next_due()
            if due is not None and due <= self._clock():
                await self._act(self._session.due(self._clock()), _End())
                continue
            waits = (
                [left, LOOK_SECONDS] if due is None else [left, LOOK_SECONDS, due - self._clock()]
            )
            await self._bell.wait(max(0.0, min(waits)))

    # --- what the session says ---

    async def _act(self, happenings: list[NodeHappening], end: "_End") -> None:
        for happening in happenings:
            match happening:
                case Write(data):
                    self._out.append(data)
                case Received(frame):
                    await self._ear.heard(frame)
                case HeartbeatDue():
                    self.send(self._ear.heartbeat())
                case Opened(established=established, is_resumed=is_resumed, lost=lost):
                    self._opened_at = self._clock()
                    log.info("the pool is reached", extra={"resumed": is_resumed})
                    self._ear.lives("connected")
                    await self._ear.opened(established, is_resumed=is_resumed, lost=lost)
                case Refused(denied=denied):
                    wait = denied.retry_after_seconds
                    comes_back = wait > 0
                    end.be(
                        denied.message, remedy=denied.remedy, directed=wait, final=not comes_back
                    )
                case SessionEnded(message=message, retry_after_seconds=wait):
                    await self._over(message)
                    end.be(message, directed=wait)
                case CloseSocket(why):
                    end.be(why)
                case Ignored():
                    pass

    async def _over(self, why: str) -> None:
        await self._ear.over(why)


@final
class _End:
    """How a socket's time ends; the first word counts."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.why = ""
        self.remedy = ""
        self.directed: float | None = 0.0

    def be(self, why: str, *, remedy: str = "", directed: float = 0.0, final: bool = False) -> None:
        if not self.came.is_set():
            self.why, self.remedy = why, remedy
            self.directed = None if final else directed
            self.came.set()
