"""Discovery: the running server of this user, by its lock file.

A lock file outlives a server that was killed, so its process must live too. Whether it answers is
seen by asking: the client says `NoServer` as well when nobody listens there.
"""

from pathlib import Path

import msgspec

from app.client.errors import NoHost, NoServer
from app.client.process import is_alive
from app.settings.paths import Paths
from app.wire.local import ServerLock


def find_server(paths: Paths) -> ServerLock:
    """Where the server is and how to enter. Raises: NoServer."""
    lock = read_lock(paths.lock_file)
    if lock is None or not is_alive(lock.pid):
        raise NoServer
    return lock


def find_host(paths: Paths) -> ServerLock:
    """Where the host of this user's pool is and how to enter. Raises: NoHost."""
    lock = read_lock(paths.pool_lock_file)
    if lock is None or not is_alive(lock.pid):
        raise NoHost
    return lock


def read_lock(lock_file: Path) -> ServerLock | None:
    """What the lock file says; None where there is none, or it is being written."""
    try:
        return msgspec.json.decode(lock_file.read_bytes(), type=ServerLock)
    except (OSError, msgspec.DecodeError):
        return None
