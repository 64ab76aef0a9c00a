"""TrayLock: one tray a user, and which server it started.

The system's lock says that a tray runs, and ends with it. The text says which server is the
tray's own; it outlives a tray that crashed, so that the next one knows what it may end.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, Self, final

import msgspec

from app.settings.file_lock import lock_file
from app.wire.local import ServerLock

_BYTES_MAX: Final = 4096


@final
class OwnServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server that a tray started. Process ids come again; with its start it is this one."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, lock: ServerLock) -> Self:
        """The server of that lock file."""
        return cls(pid=lock.pid, started_at=lock.started_at)


@final
class TrayLock:
    """The held lock."""

    def __init__(self, file: int, own: OwnServer | None) -> None:
        self._file = file
        self.own = own
        """The server that a tray started, this one or one that crashed."""

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """The lock for as long as this process lives; None where another tray has it.

        Raises: OSError where the file cannot be made.
        """
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock_file(file)
        except OSError:
            os.close(file)
            return None
        return cls(file, _read(file))

    def set_own(self, own: OwnServer | None) -> None:
        """From now on this server is ours."""
        self.own = own
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)
        if own is not None:
            os.write(self._file, msgspec.json.encode(own))

    def close(self) -> None:
        """Another tray may run. What was ours stays written until it has ended."""
        os.close(self._file)


def _read(file: int) -> OwnServer | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        os.lseek(file, 0, os.SEEK_SET)
        return msgspec.json.decode(os.read(file, _BYTES_MAX), type=OwnServer)
    return None
