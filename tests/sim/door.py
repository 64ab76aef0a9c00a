"""The host's door: sockets, greetings and sessions, with the product's own sessions behind."""

from collections.abc import Callable
from functools import partial

import msgspec

from app.core.base.ids import DeviceId, SessionId
from app.core.base.units import Microseconds
from app.core.pool.happenings import (
    CloseSocket,
    HostHappening,
    Proved,
    Received,
    SessionEnded,
    Write,
)
from app.core.pool.host_greeting import HostGreeting
from app.core.pool.host_session import HostSession, Terms
from app.core.pool.host_sessions import Establishment, HostSessions
from app.server.identity.keys import PoolKey
from app.wire.message import Message
from tests.sim.clock import Clock
from tests.sim.network import Socket
from tests.sim.signatures import verify

TERMS = Terms(pool_name="sim", account="", fee_percent=15, heartbeat_seconds=5.0, grace_seconds=4.0)


class Door:
    """In memory: a new one for each life of the host."""

    def __init__(
        self,
        clock: Clock,
        key: PoolKey,
        life: int,
        *,
        now: Callable[[], Microseconds],
        heard: Callable[[DeviceId, Message], None],
        gone: Callable[[DeviceId], None],
        joined: Callable[[DeviceId], None],
        head: Callable[[DeviceId], tuple[int, bytes]],
    ) -> None:
        self.clock, self.key, self.life, self.wall = clock, key, life, now
        self.heard, self.gone, self.joined, self.head = heard, gone, joined, head
        self.sessions = HostSessions()
        self.sockets: list[Socket] = []
        self.by_session: dict[SessionId, Socket] = {}
        self._chance = 0
        self.is_shut = False

    def shut(self) -> None:
        """The host died: every socket goes with it."""
        self.is_shut = True
        for socket in self.sockets:
            socket.cut()

    def look(self) -> None:
        """What time brings to the sessions."""
        for session, happenings in self.sessions.due(self.clock.seconds):
            self._session_happened(session, happenings)

    def accept(self, socket: Socket) -> None:
        """A node opened a socket."""
        self.sockets.append(socket)
        self._chance += 1
        nonce = (self.life * 1_000_000 + self._chance).to_bytes(32, "little")
        greeting = HostGreeting(
            signer=self.key, verify=verify, nonce=nonce, at=self.wall(), now=self.clock.seconds
        )
        socket.on_host = partial(self._greeted, socket, greeting)
        socket.lost_host = lambda: None

    def _greeted(self, socket: Socket, greeting: HostGreeting, data: bytes) -> None:
        for happening in () if self.is_shut else greeting.receive(data):
            match happening:
                case Write(data=answer):
                    socket.to_node(answer)
                case Proved():
                    self._proved(socket, greeting, happening)
                case _:
                    socket.cut()

    def _proved(self, socket: Socket, greeting: HostGreeting, proved: Proved) -> None:
        self._chance += 1
        count, head = self.head(proved.device)
        found = self.sessions.establish(
            proved,
            terms=msgspec.structs.replace(TERMS, receipts=count, receipt_hash=head),
            fresh=SessionId(f"s{self.life}/{self._chance}"),
            now=self.clock.seconds,
        )
        if not isinstance(found, Establishment):
            socket.cut()
            return
        greeting.admitted()
        if found.replaced is not None:
            self._session_happened(found.replaced, found.happenings)
        session = found.session
        old = self.by_session.get(session.id)
        self.by_session[session.id] = socket
        if old is not None and old is not socket:
            old.cut()
        socket.on_host = lambda data: self._arrived(session, socket, data)
        socket.lost_host = lambda: self._lost(session, socket)
        for data in found.writes:
            socket.to_node(data)
        if not found.is_resumed:
            self.joined(session.device)

    def _arrived(self, session: HostSession, socket: Socket, data: bytes) -> None:
        if not self.is_shut and self.by_session.get(session.id) is socket:
            self._session_happened(session, session.receive(data, self.clock.seconds))

    def _lost(self, session: HostSession, socket: Socket) -> None:
        if not self.is_shut and self.by_session.get(session.id) is socket:
            del self.by_session[session.id]
            self._session_happened(session, session.socket_lost(self.clock.seconds))

    def _session_happened(self, session: HostSession, happenings: list[HostHappening]) -> None:
        self.sessions.hear(session, happenings)
        for happening in happenings:
            socket = self.by_session.get(session.id)
            match happening:
                case Write(data=data):
                    if socket is not None:
                        socket.to_node(data)
                case Received(frame=frame):
                    self.heard(session.device, frame)
                case SessionEnded():
                    self.gone(session.device)
                    if socket is not None:
                        socket.cut()
                case CloseSocket():
                    if socket is not None:
                        socket.cut()
                case _:
                    pass

    def send(self, device: DeviceId, frame: Message) -> None:
        session = self.sessions.of_device(device)
        if session is None:
            return
        data = session.send(frame, self.clock.seconds)
        socket = self.by_session.get(session.id)
        if socket is not None:
            socket.to_node(data)
