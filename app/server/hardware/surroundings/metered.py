"""Metered: whether the network costs by volume, as NetworkManager or Windows says.

macOS tells it only to programs that are written in Swift or Objective-C (NWPathMonitor).
"""

import sys
from typing import Final, final

from app.core.sharing.facts import Unknown
from app.server.hardware.surroundings import windows_cost
from app.server.hardware.surroundings.bus import Bus, BusFailed

_SERVICE: Final = "org.freedesktop.NetworkManager"
_YES: Final = frozenset({1, 3})
"""NMMetered: yes, and guessed yes."""
_NO: Final = frozenset({2, 4})


@final
class Metered:
    """Asks NetworkManager, or Windows. Used by one thread at a time."""

    def __init__(self, system: Bus | None = None) -> None:
        self._bus = system or (Bus.system() if sys.platform == "linux" else None)

    def is_metered(self) -> bool | Unknown:
        """Whether the default network is metered."""
        if sys.platform == "win32":
            return windows_cost.is_metered()
        if self._bus is None:
            return Unknown(why="this system does not tell programs like this one")
        try:
            word = self._bus.get(_SERVICE, "/org/freedesktop/NetworkManager", _SERVICE, "Metered")
        except BusFailed:
            return Unknown(why="no NetworkManager answers")
        if word in _YES:
            return True
        return False if word in _NO else Unknown(why="NetworkManager does not know")

    def close(self) -> None:
        """Let the bus go."""
        if self._bus is not None:
            self._bus.close()
