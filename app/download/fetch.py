"""Fetch: brings files from the hub to the models folder, whole or not at all.

huggingface_hub asks for the file's metadata, follows to where it lies and reads it, with its
retries and its errors; since its version 1.18 it begins anew after a kill, so the file that grows,
and where to go on, are ours (docs/adr/0019-downloads.md). A file that is complete is hashed; one
of another content is deleted. When all are right they are put in their places, each by a rename.

In the workshop a file is called by its hash: `<sha256>.incomplete`, then `<sha256>.whole`.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import httpx
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.file_download import http_get

from app.download.failures import EXPECTED, failure_of
from app.download.hub import headers_of_calls
from app.download.plain import failure_at, read_on
from app.download.sink import Sink
from app.wire.download import Failed, Fetch, Fetched, FetchFile, Moved, Verifying

CHUNK_BYTES: Final = 1024**2
"""What a kill can lose, and the step of the progress. huggingface_hub's own is ten times that."""

TRIES: Final = 5
"""Without a new byte between them; each waits twice as long as the one before."""
_WAIT_SECONDS: Final = 1.0
_HASH_BYTES: Final = 8 * 1024**2
_TELL_SECONDS: Final = 0.25

Tell = Callable[[Moved | Verifying], None]


class _Stopped(Exception):
    """A failure whose words are ready."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure


def fetch(order: Fetch, tell: Tell) -> Fetched | Failed:
    """Does what `order` says; `tell` hears of the progress."""
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    work = _Work(order, tell)
    try:
        return work.run()
    except _Stopped as stopped:
        failure = stopped.failure
    except EXPECTED as error:
        address = order.files[0].address if order.files else ""
        failure = failure_at(error, address) if address else failure_of(error, order.repository)
    if failure.kind == "disk_full":
        return _missing_told(failure, work)
    return failure


@final
class _Work:
    """One order being carried out."""

    def __init__(self, order: Fetch, tell: Tell) -> None:
        self._order = order
        self._tell = tell
        self._folder = Path(order.folder)
        self._workshop = Path(order.workshop)
        self._done_before = 0
        """Bytes of the files before the one that is being fetched."""

    def run(self) -> Fetched:
        self._workshop.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.mkdir(parents=True, exist_ok=True)
        for file in self._order.files:
            if not self._is_there(file):
                self._bring(file)
            self._done_before += file.size
            self._tell(Moved(done_bytes=self._done_before))
        checked = 0
        for file in self._order.files:
            self._verify(file, checked)
            checked += file.size
        # In their places only now: a split model with a part missing is of no use to anybody.
        return Fetched(paths=tuple(self._place(file) for file in self._order.files))

    def bytes_left(self) -> int:
        """What is still to be written."""
        left = 0
        for file in self._order.files:
            if not self._is_there(file):
                incomplete = self._incomplete(file)
                left += file.size - (incomplete.stat().st_size if incomplete.exists() else 0)
        return max(0, left)

    def free_bytes(self) -> int:
        """What may still be written."""
        free = shutil.disk_usage(self._workshop).free
        return free - self._order.disk_free_bytes_min

    def _is_there(self, file: FetchFile) -> bool:
        """Whether all its bytes are on the disk, checked or not."""
        whole = self._whole(file)
        return whole.exists() or _has_size(self._target(file), file.size)

    def _bring(self, file: FetchFile) -> None:
        """Fetches what is missing of one file."""
        if self.free_bytes() < self.bytes_left():
            raise _Stopped(Failed(kind="disk_full", message="the disk has too little room"))
        incomplete = self._incomplete(file)
        if incomplete.exists() and incomplete.stat().st_size > file.size:
            incomplete.unlink()
        tries = 0
        while True:
            before = incomplete.stat().st_size if incomplete.exists() else 0
            try:
                self._read(file, incomplete)
                break
            except httpx.TransportError as error:
                moved = incomplete.stat().st_size > before if incomplete.exists() else False
                tries = 1 if moved else tries + 1
                if tries >= TRIES or isinstance(error, httpx.ProxyError):
                    raise
                time.sleep(_WAIT_SECONDS * 2 ** (tries - 1))
        incomplete.replace(self._whole(file))

    def _read(self, file: FetchFile, incomplete: Path) -> None:
        order = self._order
        sink = Sink(
            incomplete,
            disk_free_bytes_min=order.disk_free_bytes_min,
            on_size=lambda size: self._tell(Moved(done_bytes=self._done_before + size)),
        )
        if file.address:
            with sink:
                read_on(file.address, sink, file.size)
                sink.keep()
            return
        url = hf_hub_url(order.repository, file.path, revision=order.revision)
        headers = headers_of_calls()
        metadata = get_hf_file_metadata(url, headers=headers)
        if metadata.etag != file.sha256 or metadata.size not in {None, file.size}:
            sink.close()
            raise _Stopped(_changed(file))
        with sink:
            # By the hub's address and not by the signed one behind it, which soon expires; the
            # client keeps the token from other hosts.
            http_get(
                url,
                sink,
                resume_size=sink.tell(),
                headers=headers,
                expected_size=file.size,
                displayed_filename=file.name,
            )
            sink.keep()

    def _verify(self, file: FetchFile, checked: int) -> None:
        whole = self._whole(file)
        found = whole if whole.exists() else self._target(file)
        digest = self._hash(found, checked)
        if digest == file.sha256:
            return
        if found == whole:
            found.unlink()
            raise _Stopped(_altered(file))
        # A file of ours with the right size and another content: an altered one. It is fetched
        # anew, and replaced only when the new one is right.
        self._bring(file)
        if self._hash(whole, checked) != file.sha256:
            whole.unlink()
            raise _Stopped(_altered(file))

    def _hash(self, path: Path, checked: int) -> str:
        digest, told_at = hashlib.sha256(), 0.0
        with path.open("rb") as content:
            while piece := content.read(_HASH_BYTES):
                digest.update(piece)
                checked += len(piece)
                if time.monotonic() - told_at >= _TELL_SECONDS:
                    told_at = time.monotonic()
                    self._tell(Verifying(checked_bytes=checked))
        return digest.hexdigest()

    def _place(self, file: FetchFile) -> str:
        whole, target = self._whole(file), self._target(file)
        if whole.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(whole, target)
        return str(target)

    def _target(self, file: FetchFile) -> Path:
        return self._folder / Path(*file.name.split("/"))

    def _incomplete(self, file: FetchFile) -> Path:
        return self._workshop / f"{file.sha256}.incomplete"

    def _whole(self, file: FetchFile) -> Path:
        return self._workshop / f"{file.sha256}.whole"


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _missing_told(failure: Failed, work: _Work) -> Failed:
    """With the bytes that must become free."""
    try:
        missing = work.bytes_left() - max(0, work.free_bytes())
    except OSError:
        missing = 0
    return Failed(
        kind=failure.kind, message=failure.message, missing_bytes=max(CHUNK_BYTES, missing)
    )


def _changed(file: FetchFile) -> Failed:
    return Failed(
        kind="content",
        message=f"the hub now has another {file.name} than when it was chosen",
        remedy="Cancel this download and ask for the model again.",
    )


def _altered(file: FetchFile) -> Failed:
    return Failed(
        kind="content",
        message=f"{file.name} arrived with another content than the hub announced, and was deleted",
        remedy="Try again; if it stays so, a proxy alters downloads, or the mirror is wrong.",
    )
