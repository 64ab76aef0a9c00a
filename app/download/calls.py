"""Calls: every request of this process to another machine goes through here.

One HTTP client, given to huggingface_hub, tells of each call before it is made, counts the bytes
as they come, holds them to the cap, and lets none wait for ever. Proxies, certificates and their
variables are httpx's own (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE).
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, final

import httpx
from huggingface_hub import constants
from huggingface_hub.errors import OfflineModeIsEnabled
from msgspec.structs import replace

from app.core.downloads.pace import Pace
from app.wire.download import Called

SILENCE_SECONDS_MAX: Final = 30.0
"""huggingface_hub waits for ever for some answers."""

TELL_SECONDS: Final = 0.5
_NUMBER: Final = "athanor_call"


@final
class Calls:
    """The calls of this process. `tell` may be called by any thread."""

    def __init__(self, tell: Callable[[Called], None]) -> None:
        self._tell = tell
        self._number = 0
        self._pace = Pace()
        self._cap = 0
        self._lock = threading.Condition()
        self.purpose = ""
        """What the next calls are for: a word of `Called.purpose`."""

    @property
    def bytes_per_second(self) -> int:
        """The cap; set by another thread at any time. 0 is none."""
        return self._cap

    @bytes_per_second.setter
    def bytes_per_second(self, cap: int) -> None:
        with self._lock:
            # What waited under the old cap would else wait for as long as that one wanted.
            self._cap, self._pace = cap, Pace()
            self._lock.notify_all()

    def client(self) -> httpx.Client:
        """A client whose every call is told."""
        return httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(SILENCE_SECONDS_MAX),
            event_hooks={"request": [self._begin], "response": [self._answered]},
        )

    def _begin(self, request: httpx.Request) -> None:
        if constants.is_offline_mode():
            raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
        given = request.extensions.get("timeout") or {}
        request.extensions["timeout"] = {
            kind: SILENCE_SECONDS_MAX if given.get(kind) is None else given[kind]
            for kind in ("connect", "read", "write", "pool")
        }
        with self._lock:
            self._number += 1
            call = Called(
                number=self._number,
                method=request.method,
                host=request.url.host,
                purpose=self.purpose,
            )
        request.extensions[_NUMBER] = call
        self._tell(call)

    def _answered(self, response: httpx.Response) -> None:
        call = replace(response.request.extensions[_NUMBER], status=response.status_code)
        self._tell(call)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Counted(response.stream, call, self._tell, self._hold)

    def _hold(self, count: int) -> None:
        """Waits until as many bytes may have come under the cap."""
        with self._lock:
            self._pace, wait = self._pace.after(count, rate=self._cap, now=time.monotonic())
            if wait:
                self._lock.wait(wait)


@final
class _Counted(httpx.SyncByteStream):
    """The bytes of an answer, counted and paced as they pass."""

    def __init__(
        self,
        stream: httpx.SyncByteStream,
        call: Called,
        tell: Callable[[Called], None],
        hold: Callable[[int], None],
    ) -> None:
        self._stream = stream
        self._call = call
        self._tell = tell
        self._hold = hold
        self._received = 0
        self._told = 0
        self._told_at = time.monotonic()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._received += len(piece)
            self._hold(len(piece))
            if time.monotonic() - self._told_at >= TELL_SECONDS:
                self._say()
            yield piece

    def close(self) -> None:
        if self._told != self._received:
            self._say()
        self._stream.close()

    def _say(self) -> None:
        self._told, self._told_at = self._received, time.monotonic()
        self._tell(replace(self._call, received_bytes=self._received))
