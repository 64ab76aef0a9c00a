"""The real download process, driven by frames as the server drives it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.wire.download import (
    Called,
    Described,
    Failed,
    Fetched,
    Found,
    FromDownload,
    RangeRead,
    ToDownload,
)
from app.wire.framing import FrameReader, encode_frame

ANSWER_SECONDS_MAX = 90


class DownloadChild:
    """A running child and what it said."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.said: list[FromDownload] = []
        self._frames: FrameReader[FromDownload] = FrameReader(FromDownload)
        self._waiting: list[FromDownload] = []

    @property
    def calls(self) -> list[Called]:
        return [message for message in self.said if isinstance(message, Called)]

    def send(self, message: ToDownload) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode_frame(message))
        self.process.stdin.flush()

    def until(self, is_it: Callable[[FromDownload], bool]) -> FromDownload:
        """The first message from now on that is it."""
        assert self.process.stdout is not None
        watchdog = threading.Timer(ANSWER_SECONDS_MAX, self.process.kill)
        watchdog.start()
        try:
            while True:
                while self._waiting:
                    message = self._waiting.pop(0)
                    self.said.append(message)
                    if is_it(message):
                        return message
                data = os.read(self.process.stdout.fileno(), 1 << 16)
                assert data, f"the child ended with {self.process.wait()}; it said {self.said}"
                self._waiting += self._frames.feed(data)
        finally:
            watchdog.cancel()

    def ask(self, message: ToDownload) -> FromDownload:
        """The answer, or the end of a fetch."""
        self.send(message)
        ends = (Found, Described, RangeRead, Fetched, Failed)
        return self.until(lambda said: isinstance(said, ends))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@contextmanager
def download_child(environment: dict[str, str]) -> Iterator[DownloadChild]:
    with subprocess.Popen(
        [sys.executable, "-m", "app", "download"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield DownloadChild(process)
        finally:
            process.kill()
