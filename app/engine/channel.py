"""Channel: frames on the pipes to the server.

File descriptor 1 is moved aside at start and 2 put in its place, so that a printf in C, or a stray
print, ends up in the log and not inside a frame. Reading and writing have a thread each: the
engine loop never waits for the pipe.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Final, final

from app.wire.engine import FromEngine, ToEngine
from app.wire.framing import FrameReader, encode_frame

READ_BYTES: Final = 1 << 16


@final
class Channel:
    """Both directions. `send` may be called from any thread."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="channel-writer", daemon=True)
        self._thread.start()

    def send(self, messages: Iterable[FromEngine]) -> None:
        """Queue messages; those of one call are written together."""
        data = b"".join(encode_frame(message) for message in messages)
        if data:
            self._outbox.put(data)

    def receive(self, take: Callable[[ToEngine], None]) -> None:
        """Call `take` with each message until the server closes its end.

        Raises: FrameTooLarge, msgspec.DecodeError when the peer does not speak this protocol.
        """
        frames: FrameReader[ToEngine] = FrameReader(ToEngine)
        while data := os.read(self._reader, READ_BYTES):
            for message in frames.feed(data):
                take(message)

    def close(self) -> None:
        """Write what is queued, then stop writing."""
        self._outbox.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (data := self._outbox.get()) is not None:
            view = memoryview(data)
            while view:
                view = view[os.write(self._writer, view) :]
