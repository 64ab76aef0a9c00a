"""Connections: sockets of members, from the greeting to the end of their sessions.

The sessions decide (core/pool/host_sessions); here their bytes go to and from sockets and their
timers run. A session outlives its sockets: frames for a member that is away wait in its session.

    serve(socket)            greeting -> admission -> session, until the socket is over
    tell(device, frame)      to a member, now or when it is back
    members.on_frame(...)    from a member
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, final

from app.core.base.errors import TooLarge
from app.core.base.ids import DeviceId, SessionId
from app.core.base.units import Microseconds
from app.core.pool.channel import Limits
from app.core.pool.happenings import (
    CloseSocket,
    GreetingHappening,
    HostHappening,
    Ignored,
    Proved,
    Received,
    Refused,
    SessionEnded,
    Write,
)
from app.core.pool.host_greeting import HostGreeting
from app.core.pool.host_session import HostSession, Terms
from app.core.pool.host_sessions import HostSessions
from app.core.pool.keys import Signer, Verifier
from app.server.host.outbox import Outbox
from app.server.host.socket import Socket
from app.wire.message import Message
from app.wire.opening import Denied, OverCode

log = logging.getLogger(__name__)

GREETINGS_MAX: Final = 256
"""Sockets at once that have not proved a key: what strangers may make the host remember."""
BUSY_RETRY_SECONDS: Final = 15.0


class Members(Protocol):
    """Who is told what members say (server/host/members)."""

    async def admit(self, proved: Proved, address: str) -> Terms | Denied:
        """Whether the device may come in. Raises: nothing that is expected."""

    def joined(self, proved: Proved, session: SessionId) -> None:
        """A new session of the device is open."""

    def on_frame(self, device: DeviceId, frame: Message) -> None:
        """A frame, once and in order."""

    def left(self, device: DeviceId, code: OverCode) -> None:
        """The device's session is over, and the jobs that ran over it are lost."""


@final
@dataclass(slots=True, eq=False)
class _Line:
    """What carries a session now: an outbox while there is a socket, and its timer."""

    session: HostSession
    outbox: Outbox | None = None
    timer: asyncio.TimerHandle | None = None
    armed_at: float = field(default=0.0)


@final
class Connections:
    """Every connection of this host. Used by one event loop; time is the loop's."""

    def __init__(
        self,
        *,
        members: Members,
        signer: Signer,
        verify: Verifier,
        at: Callable[[], Microseconds],
        limits: Limits,
        sessions_max: int,
        buffer_bytes_max: int,
    ) -> None:
        self._members = members
        self._signer, self._verify, self._at = signer, verify, at
        self._limits = limits
        self._buffer = buffer_bytes_max
        self._sessions = HostSessions(sessions_max=sessions_max, limits=limits)
        self._lines: dict[SessionId, _Line] = {}
        self._greeting = 0
        self._is_stopping = False
        self._outboxes: set[Outbox] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    def is_reachable(self, device: DeviceId) -> bool:
        """Whether a socket of the device is open now."""
        session = self._sessions.of_device(device)
        return session is not None and session.phase == "live"

    async def serve(self, socket: Socket) -> None:
        """One socket, until it is over."""
        outbox = Outbox(self._buffer)
        self._outboxes.add(outbox)
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(outbox.keep_writing(socket), name="write to a member")
            try:
                if self._is_stopping or self._greeting >= GREETINGS_MAX:
                    self._refuse_all(outbox)
                else:
                    await self._serve(socket, outbox)
            finally:
                self._outboxes.discard(outbox)
                outbox.end("the connection is over")
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LAST_WORDS_SECONDS):
                        await asyncio.shield(writing)
                writing.cancel()

    def tell(self, device: DeviceId, frame: Message) -> bool:
        """Send it, or keep it while the device is away.

        False when it has no session, and of what is too large to be sent.
        """
        session = self._sessions.of_device(device)
        if session is None:
            return False
        line = self._lines[session.id]
        try:
            data = session.send(frame, self._now())
        except TooLarge as error:
            log.error("nothing is sent", extra={"why": error.message})
            return False
        if line.outbox is not None:
            line.outbox.write(data)
        self._arm(line)
        return session.phase != "ended"

    def end(self, device: DeviceId, code: OverCode, message: str) -> None:
        """End the device's session from here."""
        session = self._sessions.of_device(device)
        if session is not None:
            self._hear(self._lines[session.id], session.end(code, message))

    def tell_all(self, frame: Message) -> None:
        """Send it to every device that has a session."""
        for line in list(self._lines.values()):
            self.tell(line.session.device, frame)

    def stop(self, retry_after_seconds: float) -> None:
        """End every session and every socket; members may come back then."""
        self._is_stopping = True
        for line in list(self._lines.values()):
            happenings = line.session.end(
                "stopping", "the host stops", retry_after_seconds=retry_after_seconds
            )
            self._hear(line, happenings)
        for outbox in list(self._outboxes):
            outbox.end("the host stops")

    # --- one socket --------------------------------------------------------------------------

    async def _serve(self, socket: Socket, outbox: Outbox) -> None:
        greeting = HostGreeting(
            signer=self._signer,
            verify=self._verify,
            nonce=secrets.token_bytes(32),
            at=self._at(),
            now=self._now(),
            limits=self._limits,
        )
        self._greeting += 1
        try:
            line = await self._greet(socket, outbox, greeting)
        finally:
            self._greeting -= 1
        if line is None:
            return
        try:
            while (data := await socket.receive()) is not None and line.outbox is outbox:
                self._hear(line, line.session.receive(data, self._now()))
                self._arm(line)
        finally:
            # A socket that was given up in favour of another says nothing of the session any more.
            if line.outbox is outbox:
                line.outbox = None
                self._hear(line, line.session.socket_lost(self._now()))
                self._arm(line)

    async def _greet(self, socket: Socket, outbox: Outbox, greeting: HostGreeting) -> _Line | None:
        """The session that the socket carries from now on; None where there is none."""
        while True:
            try:
                async with asyncio.timeout_at(greeting.next_due()):
                    data = await socket.receive()
            except TimeoutError:
                # The clock of the timeout may be a hair before the greeting's.
                late = greeting.deny("deadline", "the greeting took too long")
                self._write(outbox, late)
                return None
            if data is None:
                return None
            happenings = greeting.receive(data)
            self._write(outbox, happenings)
            for happening in happenings:
                if isinstance(happening, Proved):
                    return await self._admit(socket, outbox, greeting, happening)
                if isinstance(happening, Refused):
                    return None

    async def _admit(
        self, socket: Socket, outbox: Outbox, greeting: HostGreeting, proved: Proved
    ) -> _Line | None:
        terms = await self._members.admit(proved, socket.address)
        if isinstance(terms, Terms) and not self._is_stopping:
            fresh = SessionId(secrets.token_hex(16))
            found = self._sessions.establish(proved, terms=terms, fresh=fresh, now=self._now())
        else:
            found = terms if isinstance(terms, Denied) else _STOPPING
        if isinstance(found, Denied):
            denied = greeting.deny(
                found.code,
                found.message,
                remedy=found.remedy,
                retry_after_seconds=found.retry_after_seconds,
            )
            self._write(outbox, denied)
            return None
        greeting.admitted()
        socket.admit()
        line = self._lines.setdefault(found.session.id, _Line(found.session))
        if line.outbox is not None:
            line.outbox.end("another connection of the device took over")
        line.outbox = outbox
        for data in found.writes:
            outbox.write(data)
        # Only now: an ask that ends with the session that was replaced is told in this one.
        if found.replaced is not None:
            self._hear(self._lines[found.replaced.id], found.happenings, is_forgotten=True)
        if not found.is_resumed:
            self._members.joined(proved, found.session.id)
        self._arm(line)
        return line

    def _refuse_all(self, outbox: Outbox) -> None:
        greeting = HostGreeting(
            signer=self._signer,
            verify=self._verify,
            nonce=bytes(32),
            at=self._at(),
            now=self._now(),
        )
        self._write(
            outbox,
            greeting.deny(
                "full",
                "too many connect at once",
                retry_after_seconds=BUSY_RETRY_SECONDS,
            ),
        )

    @staticmethod
    def _write(outbox: Outbox, happenings: list[GreetingHappening]) -> None:
        for happening in happenings:
            if isinstance(happening, Write):
                outbox.write(happening.data)

    # --- one session -------------------------------------------------------------------------

    def _hear(
        self, line: _Line, happenings: list[HostHappening], *, is_forgotten: bool = False
    ) -> None:
        """Do what a session says. `is_forgotten`: it is off the list of sessions already."""
        session = line.session
        for happening in happenings:
            match happening:
                case Write(data=data):
                    if line.outbox is not None:
                        line.outbox.write(data)
                case Received(frame=frame):
                    self._members.on_frame(session.device, frame)
                case Ignored(tag=tag):
                    log.debug("a frame of a later version", extra={"tag": tag[:40]})
                case CloseSocket(why=why):
                    self._close(line, why)
                case SessionEnded(code=code, message=message):
                    if not is_forgotten:
                        self._sessions.forget(session, code, message)
                    self._forget(line, code, message)

    def _forget(self, line: _Line, code: OverCode, message: str) -> None:
        self._close(line, message)
        if line.timer is not None:
            line.timer.cancel()
        del self._lines[line.session.id]
        log.info(
            "session ended",
            extra={"device": line.session.device[:12], "code": code},
        )
        self._members.left(line.session.device, code)

    @staticmethod
    def _close(line: _Line, why: str) -> None:
        if line.outbox is not None:
            line.outbox.end(why)
            line.outbox = None

    def _arm(self, line: _Line) -> None:
        """Have `due` called in time: a timer that is late is set anew, an early one looks again."""
        due_at = line.session.next_due()
        if due_at is None or (line.timer is not None and line.armed_at <= due_at):
            return
        if line.timer is not None:
            line.timer.cancel()
        line.armed_at = due_at
        line.timer = asyncio.get_running_loop().call_at(due_at, self._on_timer, line)

    def _on_timer(self, line: _Line) -> None:
        line.timer = None
        self._hear(line, line.session.due(self._now()))
        self._arm(line)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


_LAST_WORDS_SECONDS: Final = 5.0
"""So long a peer may take to read why its connection ends."""

_STOPPING: Final = Denied(
    code="full", message="the host stops", retry_after_seconds=BUSY_RETRY_SECONDS
)
