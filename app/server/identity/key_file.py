"""Key files: 32 secret bytes that only their owner can read, written whole or not at all.

    athanor device key 1
    <64 hexadecimal digits>

Rule: nobody overwrites a key. Who loses one loses the identity, and with it what it earned.
"""

import contextlib
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path
from typing import Final

from app.core.base.errors import KeyFileInvalid

SECRET_BYTES: Final = 32
_FILE_BYTES_MAX: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def ensure_secret(path: Path, title: str) -> bytes:
    """The secret in the file, made by chance where there is no file. Raises: as `read_secret`."""
    try:
        return read_secret(path, title)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create(path, f"{title}\n{secrets.token_hex(SECRET_BYTES)}\n")
        # Another process may have been first: the file, not what we made, is the truth.
        return read_secret(path, title)


def read_secret(path: Path, title: str) -> bytes:
    """The secret in the file. Raises: FileNotFoundError, OSError, KeyFileInvalid."""
    with path.open("rb") as file:
        _refuse_unsafe(path, os.fstat(file.fileno()))
        text = file.read(_FILE_BYTES_MAX)
    found, _, secret = text.decode("ascii", "replace").strip().rpartition("\n")
    if found.strip() != title or not _is_secret(secret):
        raise KeyFileInvalid(
            f"{path} does not hold an {title.rpartition(' ')[0]}.",
            remedy="Put back a copy of it. Without one, move the file away: a new key is made, "
            "which the pool does not know yet.",
        )
    return bytes.fromhex(secret)


def _is_secret(text: str) -> bool:
    return len(text) == 2 * SECRET_BYTES and all(c in "0123456789abcdef" for c in text)


def _refuse_unsafe(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileInvalid(f"{path} is not a file.", remedy="Move it away.")
    if sys.platform == "win32":
        return  # the user's profile is closed to others; the mode says nothing there
    if status.st_uid not in {os.getuid(), 0}:
        raise KeyFileInvalid(
            f"The key {path} belongs to another user of this computer.",
            remedy=f"Make it yours: sudo chown {os.getuid()} '{path}'",
        )
    if status.st_mode & _OTHERS:
        raise KeyFileInvalid(
            f"The key {path} can be read or changed by other users of this computer.",
            remedy=f"If nobody else has used it: chmod 600 '{path}'",
        )


def _create(path: Path, text: str) -> None:
    """Write the file unless there is one; a reader never sees half of it. Raises: OSError."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _put(Path(name), path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    _sync_folder(path.parent)


def _put(written: Path, path: Path) -> None:
    """Give the written file its name, without taking that name from another file."""
    with contextlib.suppress(FileExistsError):
        try:
            os.link(written, path)
        except FileExistsError:
            raise
        except OSError:
            # A file system without hard links (FAT). The window is a start of the same user's
            # other process in the same millisecond; on Windows rename itself refuses.
            if not path.exists():
                os.rename(written, path)


def _sync_folder(folder: Path) -> None:
    """Keep the name through a power cut, where folders can be synchronised."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
