"""Power: whether the machine runs on its battery, and how full that is."""

from typing import Final

import psutil

from app.core.sharing.facts import Unknown

_NOT_TOLD: Final = Unknown(why="this system does not tell of batteries")
_NO_BATTERY: Final = Unknown(why="there is no battery")


def battery() -> tuple[bool | Unknown, float | Unknown]:
    """On battery or not, and the percent that is left. A machine without one is never on it."""
    look = getattr(psutil, "sensors_battery", None)
    if look is None:
        return _NOT_TOLD, _NOT_TOLD
    try:
        found = look()
    except (OSError, RuntimeError, NotImplementedError):
        return _NOT_TOLD, _NOT_TOLD
    if found is None:
        return False, _NO_BATTERY
    return battery_of(found.percent, found.power_plugged)


def battery_of(percent: float, is_plugged: bool | None) -> tuple[bool | Unknown, float | Unknown]:
    """The meaning of psutil's figures."""
    if is_plugged is None:
        return Unknown(why="the battery does not tell whether it is plugged in"), float(percent)
    return not is_plugged, float(percent)
