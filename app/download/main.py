"""The download process: the only one that calls other machines for models.

`athanor download` is started by the server and by nobody else. It answers questions and ends when
its stdin does, or does one `Fetch` and ends with it; being killed at any moment loses nothing.
"""

import logging
import os
import sys
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Final, assert_never, final

# Before huggingface_hub is imported, which reads these once. Xet has a transfer of its own that
# cannot be resumed after a kill, held to a cap or counted; and a bar is no frame.
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

from huggingface_hub import set_client_factory

from app.download import hub, plain
from app.download.calls import Calls
from app.download.failures import EXPECTED, failure_of
from app.download.fetch import fetch
from app.wire.download import (
    Answer,
    Asked,
    Describe,
    Fetch,
    FromDownload,
    ReadAddress,
    ReadRange,
    SearchHub,
    SetRate,
    ToDownload,
)
from app.wire.framing import FrameReader, encode_frame
from app.wire.stdout import take_stdout

READ_BYTES: Final = 1 << 16

log: Final = logging.getLogger("athanor.download")


def main(arguments: Sequence[str]) -> int:
    """Serve the parent; the exit code."""
    frames = take_stdout()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    # Their lines carry addresses with signatures.
    logging.getLogger("httpx").setLevel(logging.ERROR)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if arguments:
        print(f"download: unknown arguments {list(arguments)}", file=sys.stderr)
        return 2
    return _Courier(frames).run()


@final
class _Courier:
    """Reads on its own thread, calls on the main one."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._writing = threading.Lock()
        self._tasks: SimpleQueue[Asked | Fetch] = SimpleQueue()
        self._calls = Calls(self._send)
        set_client_factory(self._calls.client)

    def run(self) -> int:
        threading.Thread(target=self._read, name="frames", daemon=True).start()
        while True:
            task = self._tasks.get()
            if isinstance(task, Fetch):
                self._calls.purpose = task.purpose
                self._send(fetch(task, self._send))
                return 0
            self._send(self._answer(task))

    def _answer(self, question: Asked) -> Answer:
        if isinstance(question, ReadAddress):
            self._calls.purpose = question.purpose
            return plain.read(question.address, question.bytes_max)
        repository = "" if isinstance(question, SearchHub) else question.repository
        try:
            match question:
                case SearchHub():
                    self._calls.purpose = "search"
                    return hub.search(question)
                case Describe():
                    self._calls.purpose = "describe"
                    return hub.describe(repository, question.revision)
                case ReadRange():
                    self._calls.purpose = "header"
                    return hub.read_range(
                        repository,
                        question.revision,
                        question.path,
                        question.begin,
                        question.length,
                    )
                case _:
                    assert_never(question)
        except EXPECTED as error:
            return failure_of(error, repository)

    def _send(self, message: FromDownload) -> None:
        data = memoryview(encode_frame(message))
        with self._writing:
            while data:
                data = data[os.write(self._frames, data) :]

    def _read(self) -> None:
        """Takes what the parent says; leaves the process when that ends, whatever it is doing."""
        code = 0
        try:
            self._receive()
        except (OSError, ValueError):
            log.exception("the parent does not speak this protocol")
            code = 4
        logging.shutdown()
        os._exit(code)

    def _receive(self) -> None:
        frames: FrameReader[ToDownload] = FrameReader(ToDownload)
        while data := os.read(0, READ_BYTES):
            for message in frames.feed(data):
                # Here and not where the order is carried out: a newer cap may be heard by then.
                if isinstance(message, SetRate | Fetch):
                    self._calls.bytes_per_second = message.bytes_per_second
                if not isinstance(message, SetRate):
                    self._tasks.put(message)
