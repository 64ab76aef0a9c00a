"""Programs: the names of what runs, read once a process.

Listing the processes' numbers costs a millisecond; reading a name some tens of microseconds. So
names are kept by number, and all are read anew now and then, since numbers are used again.
"""

import re
import sys
from collections.abc import Collection
from typing import Final, final

import psutil

ANEW_EVERY: Final = 60
"""Looks between two readings of every name."""

_COMMANDS_TELL: Final = sys.platform != "win32"
"""Linux cuts names at 15 letters, and a game under Wine is known by its command alone. On Windows
reading a command is dear, and the name is whole."""


@final
class Programs:
    """What runs on this machine. Used by one thread at a time."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, ...]] = {}
        self._looks = 0

    def names(self, but: Collection[int] = ()) -> frozenset[str]:
        """The names of all processes but those, as far as this user may see them."""
        pids = psutil.pids()
        if self._looks % ANEW_EVERY == 0:
            self._names.clear()
        self._looks += 1
        known = self._names
        self._names = {pid: known[pid] if pid in known else _names_of(pid) for pid in pids}
        return frozenset(
            name for pid, names in self._names.items() if pid not in but for name in names
        )


def last_part(command: str) -> str:
    """The file of a command's path, Windows paths (under Wine) too."""
    return re.split(r"[/\\]", command)[-1]


def _names_of(pid: int) -> tuple[str, ...]:
    try:
        process = psutil.Process(pid)
        names = [process.name()]
        if _COMMANDS_TELL and (command := process.cmdline()):
            names.append(last_part(command[0]))
    except (psutil.Error, OSError):
        return ()
    return tuple(dict.fromkeys(name for name in names if name))
