"""Restarted: sees a server end and its successor serve."""

import time
from typing import Final

import msgspec

from app.client.discovery import find_server
from app.client.errors import NoServer
from app.settings.paths import Paths
from app.wire.local import ServerLock

SECONDS_MAX: Final = 1000.0
"""The longest grace that a setting allows, two tries of a new version, and the old one's start."""
_WAIT_SECONDS_MAX: Final = 1.0


class Restarted(msgspec.Struct, frozen=True, kw_only=True):
    """What runs after a restart for another version."""

    wanted: str
    """The version that was to take over."""
    version: str
    """The version that runs now; "" where none does yet."""
    is_there: bool
    """The two are the same."""


def wait_for_successor(
    ended: ServerLock, wanted: str, paths: Paths, *, seconds_max: float = SECONDS_MAX
) -> Restarted:
    """Returns when another server of this user serves than the one that `ended`.

    What runs need not be what was wanted: a version that does not start is taken back. The
    process may be the same one, which went on as another program.
    """
    until = time.monotonic() + seconds_max
    wait_seconds = 0.1
    while (left := until - time.monotonic()) > 0:
        found = _running(paths)
        if found is not None and found.started_at != ended.started_at:
            is_there = found.version == wanted
            return Restarted(wanted=wanted, version=found.version, is_there=is_there)
        # Nothing tells of a lock file that another process writes.
        time.sleep(min(wait_seconds, left))
        wait_seconds = min(2 * wait_seconds, _WAIT_SECONDS_MAX)
    return Restarted(wanted=wanted, version="", is_there=False)


def _running(paths: Paths) -> ServerLock | None:
    try:
        return find_server(paths)
    except NoServer:
        return None
