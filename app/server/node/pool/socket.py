"""Socket: one WebSocket to the host of a pool, and why none could be opened, in words.

The only place that names the library. It carries bytes; what they mean is the session's.
"""

import logging
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)

from app import __version__
from app.wire.opening import ENVELOPE_BYTES_MAX

OPEN_SECONDS: Final = 15.0
CLOSE_SECONDS: Final = 2.0
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}

# Its debug lines show frames, and so words of users.
logging.getLogger("websockets").setLevel(logging.WARNING)


class Unreachable(Exception):
    """No socket: the words say why; `retry_after_seconds` is what the host asked for, else 0."""

    def __init__(self, why: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after_seconds = retry_after_seconds


@final
class Socket:
    """An open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        """One binary message; waits while the network is slow. Raises: Unreachable."""
        try:
            await self._connection.send(data)
        except (WebSocketException, OSError) as error:
            raise Unreachable(_lost_words(error)) from None

    async def receive(self) -> bytes:
        """The next binary message; a text is none of ours. Raises: Unreachable."""
        try:
            data = await self._connection.recv(decode=False)
        except (WebSocketException, OSError) as error:
            raise Unreachable(_lost_words(error)) from None
        assert isinstance(data, bytes), "decode=False gives bytes"
        return data


@asynccontextmanager
async def open_socket(address: str) -> AsyncGenerator[Socket, None]:
    """A socket to the host's URL, closed at the end of the block. Raises: Unreachable."""
    is_here = urlsplit(address).hostname in _LOOPBACK
    connecting = connect(
        address,
        user_agent_header=f"athanor/{__version__}",
        compression=None,  # what is worth compressing is sealed or small
        max_size=ENVELOPE_BYTES_MAX,
        open_timeout=OPEN_SECONDS,
        close_timeout=CLOSE_SECONDS,
        ping_interval=None,  # the session has heartbeats of its own
        proxy=None if is_here else True,
    )
    try:
        connection = await connecting
    except (WebSocketException, OSError, TimeoutError, ValueError) as error:
        raise _unreachable(error) from None
    try:
        yield Socket(connection)
    finally:
        await connection.close()


def _unreachable(error: Exception) -> Unreachable:
    match error:
        case InvalidStatus(response=response):
            seconds = response.headers.get("Retry-After", "")
            return Unreachable(
                f"the host answered with status {response.status_code}",
                retry_after_seconds=float(seconds) if seconds.isdecimal() else 0.0,
            )
        case InvalidURI():
            return Unreachable("the address in the invite is none of a host")
        case ssl.SSLError():
            return Unreachable("the host's certificate is not one to be trusted")
        case InvalidHandshake():
            return Unreachable("what answers at the address is no host of a pool")
        case TimeoutError():
            return Unreachable("the host did not answer in time")
        case OSError():
            return Unreachable(f"the host cannot be reached ({error.strerror or error})")
        case _:
            return Unreachable("the host cannot be reached")


def _lost_words(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        return "the connection was closed"
    return "the connection was lost"
