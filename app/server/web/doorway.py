"""Doorway: what one address may hold open, and how long a stranger may take to say what it wants.

uvicorn waits for a request's head for ever and takes any number of connections. A server that
strangers reach has these two classes in the place of uvicorn's (a body's time is pace.py's):

- `Doorman` stands before the HTTP protocol: connections of an address are counted, and one that
  does not finish the head of a request in time is closed.
- `MemberSocket` is the WebSocket protocol: messages are small until the application says that the
  peer is known, and frames that carry nothing cannot be sent for ever.
"""

import asyncio
from typing import ClassVar, Final, cast, final

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app.server.web.http_protocol import http_protocol
from app.wire.opening import ENVELOPE_BYTES_MAX, HANDSHAKE_BYTES_MAX

HEAD_SECONDS: Final = 10.0
IDLE_FRAMES_MAX: Final = 1000
"""Pings, pongs and empty pieces between two messages: more say nothing and cost time."""
_UNREAD_BYTES_MAX: Final = 1024 * 1024
"""Of pongs that the peer asks for and does not read."""

ADMIT: Final = "admit"
"""Under this name the scope's state of a WebSocket holds what lets larger messages in."""


@final
class Doorway:
    """Who is inside. Used by one event loop."""

    def __init__(
        self,
        *,
        connections_max: int,
        per_address_max: int,
        exempt: tuple[str, ...] = (),
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        """`exempt` are proxies, behind which all callers have one address."""
        self._most, self._per_address = connections_max, per_address_max
        self._exempt = frozenset(exempt)
        self.head_seconds = head_seconds
        self._inside: dict[asyncio.BaseTransport, str] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._inside)

    def enter(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the connection may stay; it counts from now on if it may."""
        name = transport.get_extra_info("peername")
        address = str(name[0]) if isinstance(name, tuple) else ""
        count = self._counts.get(address, 0)
        is_crowded = count >= self._per_address and address not in self._exempt
        if is_crowded or len(self._inside) >= self._most:
            return False
        self._inside[transport] = address
        self._counts[address] = count + 1
        return True

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """The connection is over; saying so twice is no harm."""
        address = self._inside.pop(transport, None)
        if address is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]


class Doorman(asyncio.Protocol):
    """uvicorn's HTTP protocol behind a count and a deadline. A WebSocket goes on without it."""

    doorway: ClassVar[Doorway]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        inner = http_protocol()
        self._inner = inner(config, server_state, app_state, _loop)  # type: ignore[call-arg]  # typed as any protocol
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, or let it go at once."""
        # uvloop's are of no class of asyncio's, and have all its methods.
        both_ways = cast(asyncio.Transport, transport)
        if not self.doorway.enter(transport):
            both_ways.abort()
            return
        self._transport = both_ways
        self._inner.connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """A head that begins must end in time, that of a later request too."""
        if self._transport is None:
            return
        if self._deadline is None and not self._has_head():
            self._expect()
        self._inner.data_received(data)
        if self._has_head() or self._transport.get_protocol() is not self:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, unless it was never let in."""
        self._rest()
        if self._transport is not None:
            self.doorway.leave(self._transport)
            self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """As uvicorn's."""
        return self._inner.eof_received() if self._transport is not None else None

    def pause_writing(self) -> None:
        """As uvicorn's."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """As uvicorn's."""
        self._inner.resume_writing()

    def _has_head(self) -> bool:
        """Whether a request is being answered: both of uvicorn's protocols call it the cycle."""
        cycle = getattr(self._inner, "cycle", None)
        return cycle is not None and not cycle.response_complete

    def _expect(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self.doorway.head_seconds, self._late)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self._transport is not None:
            self._transport.abort()


class MemberSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, with limits that know whether the peer is known."""

    doorway: ClassVar[Doorway]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn.max_message_size = HANDSHAKE_BYTES_MAX
        self._idle_frames = 0

    def handle_events(self) -> None:
        """As uvicorn's; the application finds in its scope how the limit is raised."""
        super().handle_events()
        if self.handshake_initiated and hasattr(self, "scope"):
            self.scope["state"].setdefault(ADMIT, self.admit)

    def admit(self) -> None:
        """The peer is known."""
        self.conn.max_message_size = ENVELOPE_BYTES_MAX

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        self._idle_frames = 0
        super().send_receive_event_to_app()

    def handle_cont(self, event) -> None:  # type: ignore[no-untyped-def]  # a type of websockets
        """A piece of a message."""
        self._count_idle()
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """A ping is answered by the library; here it is only counted."""
        self._count_idle()
        super().handle_ping()

    def handle_pong(self, event) -> None:  # type: ignore[no-untyped-def]  # a type of websockets
        """A pong, asked for or not."""
        self._count_idle()
        super().handle_pong(event)

    def shutdown(self) -> None:
        """Nothing: uvicorn would cut it off at once, while answers under way still come over it.

        The application ends its own connections when the server stops.
        """

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.doorway.leave(self.transport)
        super().connection_lost(exc)

    def _count_idle(self) -> None:
        self._idle_frames += 1
        unread = self.transport.get_write_buffer_size()
        if self._idle_frames > IDLE_FRAMES_MAX or unread > _UNREAD_BYTES_MAX:
            self.transport.abort()


def guarded(doorway: Doorway) -> tuple[type[Doorman], type[MemberSocket]]:
    """The two protocols of one server: for `http` and `ws` of uvicorn's configuration."""
    guarded_http = type("Doorman", (Doorman,), {"doorway": doorway})
    guarded_socket = type("MemberSocket", (MemberSocket,), {"doorway": doorway})
    return guarded_http, guarded_socket
