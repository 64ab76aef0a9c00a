"""HTTP by hand over a real socket, for requests that no client would send."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Heard:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._peeked = b""

    async def say(self, data: bytes) -> None:
        """Send these bytes. Nothing happens where the server has closed."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            return

    async def speaks_within(self, seconds: float) -> bool:
        """Whether the server says something, or closes, in that time; what it says is kept."""
        try:
            async with asyncio.timeout(seconds):
                self._peeked += await self._reader.read(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    async def hear(self) -> Heard:
        """The next answer, whole; its length must be announced."""
        text = self._peeked + await self._reader.readuntil(b"\r\n\r\n")
        self._peeked = b""
        first, *lines = text.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Heard(int(first.split()[1]), headers, body)

    async def is_closed(self) -> bool:
        """Waits for the server's last byte: whether there was none."""
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def raw(host: str, port: int) -> AsyncGenerator[Raw, None]:
    """A connection, open in the block."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def dripped(connection: Raw, drop: bytes, *, every_seconds: float) -> int:
    """Drips until the server says something; how many drops it took."""
    drops = 1
    await connection.say(drop)
    while not await connection.speaks_within(every_seconds):
        await connection.say(drop)
        drops += 1
    return drops


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A listening socket on a free port of this machine."""
    # With the protocol named, asyncio switches Nagle's algorithm off.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener
