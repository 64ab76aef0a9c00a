"""Windows: since when nobody touched keyboard or mouse, and whether a program has the whole screen.

`GetLastInputInfo` counts from the start of the system in 32 bits of milliseconds, which go round
every 49.7 days. `SHQueryUserNotificationState` is how Windows itself decides to hold back its own
notifications. Source: learn.microsoft.com, winuser.h and shellapi.h.
"""

import ctypes
import sys
from typing import Final

from app.core.sharing.facts import Unknown

_FULL_SCREEN: Final = frozenset({2, 3, 4})
"""QUNS_BUSY, QUNS_RUNNING_D3D_FULL_SCREEN, QUNS_PRESENTATION_MODE."""
_STATES: Final = frozenset({1, 2, 3, 4, 5, 6, 7})
_AWAY: Final = 1
"""QUNS_NOT_PRESENT: the screen is locked, or a screen saver runs."""


def idle_of_ticks(now_ms: int, last_ms: int) -> float:
    """Seconds between two counts of milliseconds that go round at 2^32."""
    return ((now_ms - last_ms) & 0xFFFFFFFF) / 1000


def full_screen_of_state(state: int) -> bool | Unknown:
    """The meaning of a QUERY_USER_NOTIFICATION_STATE."""
    if state not in _STATES or state == _AWAY:
        return Unknown(why=f"Windows says no more than state {state}")
    return state in _FULL_SCREEN


if sys.platform == "win32":

    class _LastInput(ctypes.Structure):
        _fields_ = (("size", ctypes.c_uint), ("time", ctypes.c_uint))

    def idle_seconds() -> float | Unknown:
        """Since the last input in this session."""
        last = _LastInput(size=ctypes.sizeof(_LastInput))
        if not ctypes.windll.user32.GetLastInputInfo(ctypes.byref(last)):
            return Unknown(why="Windows does not tell the last input of this session")
        return idle_of_ticks(ctypes.windll.kernel32.GetTickCount() & 0xFFFFFFFF, last.time)

    def full_screen() -> bool | Unknown:
        """Whether a program has the whole screen of this session."""
        state = ctypes.c_int()
        if ctypes.windll.shell32.SHQueryUserNotificationState(ctypes.byref(state)):
            return Unknown(why="Windows does not tell who has the screen")
        return full_screen_of_state(state.value)

else:

    def idle_seconds() -> float | Unknown:
        """Asked on Windows alone."""
        return Unknown(why="this is no Windows")

    def full_screen() -> bool | Unknown:
        """Asked on Windows alone."""
        return Unknown(why="this is no Windows")
