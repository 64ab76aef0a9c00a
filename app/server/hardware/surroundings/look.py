"""Look: all that is known of the machine around us but its GPUs, at one moment.

Each source is asked in turn; what a system cannot tell is an `Unknown` with its reason. Blocking
for some milliseconds: called in a worker thread.
"""

import sys
import time
from collections.abc import Collection
from typing import final

import msgspec

from app.core.sharing.facts import Unknown
from app.core.sharing.hours import DAY_MINUTES
from app.core.sharing.programs import ExclusivePrograms
from app.server.hardware.surroundings import macos, windows
from app.server.hardware.surroundings.desktop_bus import NO_SERVICE, DesktopBus
from app.server.hardware.surroundings.metered import Metered
from app.server.hardware.surroundings.power import battery
from app.server.hardware.surroundings.programs import Programs
from app.server.hardware.surroundings.sleep import SleepClock
from app.server.hardware.surroundings.x11 import X11

METERED_SECONDS = 30.0
"""Networks change seldom, and each question wakes another program."""


@final
class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """One look. `slept_seconds` is since the look before."""

    seconds_since_input: float | Unknown
    full_screen: bool | Unknown
    exclusive_programs: tuple[str, ...] | Unknown
    on_battery: bool | Unknown
    battery_percent: float | Unknown
    is_metered: bool | Unknown
    minute_of_week: int
    slept_seconds: float


@final
class Lookout:
    """Looks around for the programs of the owner's list. Used by one thread at a time."""

    def __init__(self, exclusive: Collection[str] = (), *, sleep: SleepClock | None = None) -> None:
        self._exclusive = ExclusivePrograms(exclusive)
        self._programs = Programs()
        self._desktop = DesktopBus()
        self._x11 = X11()
        self._metered = Metered()
        self._sleep = sleep or SleepClock()
        self._is_metered: bool | Unknown = Unknown(why="nobody has looked yet")
        self._metered_at = float("-inf")

    def watch_for(self, exclusive: Collection[str]) -> None:
        """Look for these programs from the next look on; from any thread."""
        self._exclusive = ExclusivePrograms(exclusive)

    def look(self, ours: Collection[int] = ()) -> Surroundings:
        """The surroundings now; `ours` are processes that do not count as programs."""
        on_battery, percent = battery()
        return Surroundings(
            seconds_since_input=self._idle_seconds(),
            full_screen=self._full_screen(),
            exclusive_programs=(
                self._exclusive.among(self._programs.names(ours)) if self._exclusive else ()
            ),
            on_battery=on_battery,
            battery_percent=percent,
            is_metered=self._metered_now(),
            minute_of_week=minute_of_week(time.localtime()),
            slept_seconds=self._sleep.slept_seconds(),
        )

    def close(self) -> None:
        """Let buses and displays go."""
        self._desktop.close()
        self._x11.close()
        self._metered.close()

    def _idle_seconds(self) -> float | Unknown:
        if sys.platform == "win32":
            return windows.idle_seconds()
        if sys.platform == "darwin":
            return macos.idle_seconds()
        seconds = self._x11.idle_seconds()
        if not isinstance(seconds, Unknown):
            return seconds
        told = self._desktop.idle_seconds()
        if isinstance(told, Unknown):
            return Unknown(why=f"{seconds.why}; {NO_SERVICE.why}")
        return told

    def _full_screen(self) -> bool | Unknown:
        if sys.platform == "win32":
            return windows.full_screen()
        if sys.platform == "darwin":
            return macos.full_screen()
        return self._x11.full_screen()

    def _metered_now(self) -> bool | Unknown:
        now = time.monotonic()
        if now - self._metered_at >= METERED_SECONDS:
            self._is_metered, self._metered_at = self._metered.is_metered(), now
        return self._is_metered


def minute_of_week(local: time.struct_time) -> int:
    """0 is Monday 00:00."""
    return local.tm_wday * DAY_MINUTES + local.tm_hour * 60 + local.tm_min
