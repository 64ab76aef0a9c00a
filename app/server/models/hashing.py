"""Hashing: the SHA-256 of one large file, read so that nobody else notices.

The file is looked at again after its last byte: one that changed meanwhile, as a file that is still
being copied does, has no digest.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.server.models.found import Part, part_of

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Read at a time: a stop is noticed after as much, some 10 ms of one core."""


class FileChanged(Exception):
    """The file is not what it was when it was listed, or changed while it was read."""


class HashingStopped(Exception):
    """Somebody asked for the end."""


def sha256_of(
    path: Path,
    part: Part,
    *,
    on_bytes: Callable[[int], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> str:
    """The digest of the file that was listed with the stamp `part`, in lower-case hexadecimal.

    `on_bytes` is told how many bytes are read so far. Raises: FileChanged; HashingStopped; OSError.
    """
    digest = hashlib.sha256()
    done = 0
    with path.open("rb", buffering=0) as file:
        descriptor = file.fileno()
        if part_of(os.fstat(descriptor)) != part:
            raise FileChanged
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            _forget(descriptor, done, len(chunk))
            done += len(chunk)
            on_bytes(done)
            if is_stopped():
                raise HashingStopped
            if done > part[0]:
                # Somebody writes as fast as this reads: it would never end.
                raise FileChanged
        if part_of(os.fstat(descriptor)) != part or done != part[0]:
            raise FileChanged
    if part_of(path.stat()) != part:
        raise FileChanged
    return digest.hexdigest()


def _forget(descriptor: int, offset: int, count: int) -> None:
    """Gives the pages back, lest hashing a large model push other programs' files out of RAM.

    Pages that an engine has mapped stay.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_DONTNEED)
