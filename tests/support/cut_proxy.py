"""A wire between two machines, held by a test: it can lose what is under way, and be cut.

TCP on a port of its own, in a thread of its own. Whatever connects is led on to `target`.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CutProxy:
    """See `cut_proxy`. Its methods may be called from any thread; they return when it is done."""

    def __init__(self) -> None:
        self.port = 0
        self.target = 0
        """Port on this machine to which it leads; set before anybody connects."""
        self.connections = 0
        """So many were led on."""
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._loses = False

    def lose(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self._do(self._lose)

    def cut(self) -> None:
        """Every connection breaks off; the next ones are whole again."""
        self._do(self._cut)

    def _lose(self) -> None:
        self._loses = True

    def _cut(self) -> None:
        self._loses = False
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    def _do(self, act) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (act(), done.set()))
        assert done.wait(30)

    async def _serve(self, ready: threading.Event, over: asyncio.Event) -> None:
        server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        self._cut()
        server.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self.connections += 1
        self._open |= {writer, back}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, back), name="there")
            group.create_task(self._pass(there, writer), name="back")

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self._loses:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        writer.close()


@contextmanager
def cut_proxy() -> Iterator[CutProxy]:
    """A wire that leads to a port of this machine."""
    proxy, ready, over = CutProxy(), threading.Event(), asyncio.Event()
    loop = proxy._loop
    thread = threading.Thread(target=loop.run_until_complete, args=[proxy._serve(ready, over)])
    thread.start()
    assert ready.wait(30)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
