"""Sleep: how long the machine slept, told by two clocks of which one stands still meanwhile.

After a sleep the memory of a GPU may be lost, and the driver with it; somebody has to look.
"""

import ctypes
import sys
import time
from collections.abc import Callable
from typing import Final, final

SLEPT_SECONDS_MIN: Final = 2.0
"""Two clocks are not read at one instant; no sleep is shorter."""


@final
class SleepClock:
    """Counts sleeps. `lead` says by how much the clock that goes on is ahead of the other."""

    def __init__(self, lead: Callable[[], float] | None = None) -> None:
        self._lead = lead or clock_lead
        self._known = self._lead()

    def slept_seconds(self) -> float:
        """Since the last call; 0.0 when the machine was awake."""
        lead = self._lead()
        slept = lead - self._known
        if slept < SLEPT_SECONDS_MIN:
            return 0.0
        self._known = lead
        return slept


if sys.platform == "win32":

    def clock_lead() -> float:
        """Seconds that this machine has slept since its start."""
        awake = ctypes.c_ulonglong()
        ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(awake))
        ticks = ctypes.windll.kernel32.GetTickCount64
        ticks.restype = ctypes.c_ulonglong
        return float(ticks()) / 1e3 - awake.value / 1e7

elif sys.platform == "darwin":

    def clock_lead() -> float:
        """Seconds that this machine has slept since its start."""
        awake = time.clock_gettime(time.CLOCK_UPTIME_RAW)
        return time.clock_gettime(time.CLOCK_MONOTONIC) - awake

else:
    _BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def clock_lead() -> float:
        """Seconds that this machine has slept since its start."""
        return time.clock_gettime(_BOOTTIME) - time.monotonic()


def sleepless_seconds() -> float:
    """A clock that never goes back and goes on while the machine sleeps, in seconds.

    What waits for a peer over the network counts by it: the peer did not sleep.
    """
    if sys.platform == "win32":
        ticks = ctypes.windll.kernel32.GetTickCount64
        ticks.restype = ctypes.c_ulonglong
        return float(ticks()) / 1e3
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.clock_gettime(_BOOTTIME)
