"""LockFile: one server a user, and the way to it.

The system's lock on the file says that a server runs, and ends with the process however that ends.
The text in it says where: address, port and the token of the local API, for this user alone. It
is emptied, never removed: whoever opens the path must meet the same file as whoever holds it.
"""

import contextlib
import os
from pathlib import Path
from typing import ClassVar, Final, Self, final

import msgspec

from app.core.base.errors import AthanorError
from app.settings.file_lock import lock_file
from app.wire.local import ServerLock

_BYTES_MAX: Final = 65_536


@final
class AlreadyServing(AthanorError):
    """Another server of this user runs."""

    kind: ClassVar[str] = "already_running"


@final
class LockFile:
    """The held lock. `close` lets it go."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    def take(cls, path: Path, *, what: str = "a server", stop: str = "athanor stop") -> Self:
        """The lock, for as long as this process lives. `stop` is the command that ends `what`.

        Raises: AlreadyServing, saying where the other runs; OSError.
        """
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock_file(file)
        except OSError as error:
            running = _read(file)
            os.close(file)
            where = f" at {running.host}:{running.port} (process {running.pid})" if running else ""
            raise AlreadyServing(
                f"{what} runs already{where}",
                remedy=f"Use it, or end it with `{stop}`.",
            ) from error
        with contextlib.suppress(OSError):
            # A file from elsewhere may have been readable by others.
            os.chmod(path, 0o600)
        lock = cls(file)
        lock._write(b"")
        return lock

    def tell(self, server: ServerLock) -> None:
        """Say where this server is."""
        self._write(msgspec.json.encode(server))

    def close(self) -> None:
        """Nobody serves any more."""
        self._write(b"")
        os.close(self._file)

    def _write(self, text: bytes) -> None:
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)
        os.write(self._file, text)


def _read(file: int) -> ServerLock | None:
    try:
        os.lseek(file, 0, os.SEEK_SET)
        return msgspec.json.decode(os.read(file, _BYTES_MAX), type=ServerLock)
    except (OSError, msgspec.DecodeError):
        return None
