"""Digest cache: the SHA-256 of files whose content was read before, so that none is read twice.

A digest holds for a path as long as size, time of change and inode are what they were when it was
computed. The file can be lost at any time, which costs reading the models again; one that is
damaged or of another version is ignored. Digests of files that are away, as on a disk that is not
plugged in, are kept: they are small, and computing them again is not.
"""

import contextlib
import os
import threading
from pathlib import Path
from typing import Final, final

import msgspec

from app.server.models.found import Part

VERSION: Final = 1
DIGESTS_MAX: Final = 10_000
"""The oldest go first; one takes some 200 bytes."""


class _Digest(msgspec.Struct, frozen=True, array_like=True):
    part: Part
    sha256: str


class _Content(msgspec.Struct, frozen=True):
    version: int
    files: dict[str, _Digest]


@final
class DigestCache:
    """Digests by path. Any thread may call at any time."""

    def __init__(self, file: Path | None) -> None:
        """Reads `file`; None keeps them for this process alone."""
        self._file = file
        self._lock = threading.Lock()
        self._digests = _read(file) if file is not None else {}

    def get(self, path: Path, part: Part) -> str:
        """The digest of the file, if it is as it was; "" where it is not known."""
        with self._lock:
            known = self._digests.get(str(path))
        return known.sha256 if known is not None and known.part == part else ""

    def put(self, path: Path, part: Part, sha256: str) -> None:
        """Keeps a digest that was computed from the whole content, and writes it down."""
        with self._lock:
            self._digests.pop(str(path), None)
            self._digests[str(path)] = _Digest(part, sha256)
            while len(self._digests) > DIGESTS_MAX:
                del self._digests[next(iter(self._digests))]
            self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        temporary = self._file.with_suffix(f".{os.getpid()}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(msgspec.json.encode(_Content(VERSION, self._digests)))
            temporary.replace(self._file)
        except OSError:
            # A cache that cannot be written costs time at the next start and nothing else.
            with contextlib.suppress(OSError):
                temporary.unlink()


def _read(file: Path) -> dict[str, _Digest]:
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_Content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return content.files if content.version == VERSION else {}
