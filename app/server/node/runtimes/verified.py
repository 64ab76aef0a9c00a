"""Verified: which files of installed packs are what was signed, as they were last read.

    <data>/runtimes/verified.json     of each file its size, time of change, inode and SHA-256

A pack is half a gigabyte, too much to read at every start. So a file that is still the one that was
read, by what the system tells of it, counts as read; any other is read again. That catches a copy
that was broken off, a file that another program put there, and most damage; what a disk loses
without a trace in those three is caught by reading everything, which is done before each trial. It
is no guard against somebody who writes here with this user's rights: he could change the program.
"""

import hashlib
import logging
import os
import threading
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.runtime.packs import Pack, PackFile
from app.core.runtime.record import FileSeen

log = logging.getLogger(__name__)

VERIFIED: Final = "verified.json"


@final
class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """A file when it was read."""

    size_bytes: int
    modified_ns: int
    """Since 1970."""
    inode: int
    sha256: str


@final
class Verified:
    """The packs in `folder`. Its methods block, and may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._read = _kept(folder / VERIFIED)
        """By the path below the folder."""

    def fault(self, pack: Pack, *, anew: bool = False) -> str:
        """Why the pack is not what was signed, as a sentence; "" where it is.

        `anew`: every file is read, also one that seems to be the one that was read last.
        """
        with self._lock:
            before = dict(self._read)
            faults = [self._fault_of(pack, file, anew=anew) for file in _files_of(pack)]
            if self._read != before:
                self._keep()
        return next(filter(None, faults), "")

    def seen(self, pack: Pack) -> tuple[FileSeen, ...]:
        """The files as an engine must find them, of a pack without a fault."""
        with self._lock:
            return tuple(
                FileSeen(name=file.name, size_bytes=read.size_bytes, modified_ns=read.modified_ns)
                for file in _files_of(pack)
                if (read := self._read.get(_key(pack, file))) and read.sha256 == file.sha256
            )

    def take(self, pack: Pack) -> None:
        """The pack has just been written here, and compared on the way."""
        with self._lock:
            for file in _files_of(pack):
                told = os.stat(self._folder / pack.id / file.name)
                self._read[_key(pack, file)] = _read_as(told, file.sha256)
            self._keep()

    def forget(self, pack: str) -> None:
        """The pack of this id is gone."""
        with self._lock:
            self._read = {
                key: read for key, read in self._read.items() if key.partition("/")[0] != pack
            }
            self._keep()

    def _fault_of(self, pack: Pack, file: PackFile, *, anew: bool) -> str:
        path, key = self._folder / pack.id / file.name, _key(pack, file)
        try:
            known, told = self._read.get(key), os.stat(path)
            if anew or known is None or known != _read_as(told, known.sha256):
                known = self._read[key] = _read(path)
        except FileNotFoundError:
            return f"the file {file.name} of {pack.title} is missing"
        except OSError as error:
            return f"the file {file.name} of {pack.title} cannot be read ({error.strerror})"
        if known.sha256 != file.sha256:
            return f"the file {file.name} of {pack.title} is not what was installed"
        return ""

    def _keep(self) -> None:
        path = self._folder / VERIFIED
        beside = path.with_name(f".{VERIFIED}.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(self._read)) + b"\n")
            os.replace(beside, path)
        except OSError as error:
            # The files are read again after the next start then.
            log.warning("what was read of packs is not kept", extra={"reason": str(error)})


def _files_of(pack: Pack) -> list[PackFile]:
    return [file for archive in pack.archives for file in archive.files]


def _key(pack: Pack, file: PackFile) -> str:
    return f"{pack.id}/{file.name}"


def _kept(path: Path) -> dict[str, FileRead]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, FileRead])
    except (OSError, msgspec.DecodeError):
        return {}


def _read_as(told: os.stat_result, sha256: str) -> FileRead:
    return FileRead(
        size_bytes=told.st_size, modified_ns=told.st_mtime_ns, inode=told.st_ino, sha256=sha256
    )


def _read(path: Path) -> FileRead:
    """The file, all of it. Raises: OSError, also where it changes meanwhile."""
    with path.open("rb") as content:
        before = os.fstat(content.fileno())
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        after = os.fstat(content.fileno())
    read = _read_as(before, digest)
    if read != _read_as(after, digest):
        raise OSError(0, "it is being written")
    return read
