"""Desktop bus: since when nobody touched keyboard or mouse, as a Linux desktop's services say.

Asked in turn, the first that knows wins: GNOME's idle monitor, the screen saver of KDE and others,
and logind, which knows what the session's desktop told it. This works under Wayland too.
"""

import os
import time
from collections.abc import Callable
from typing import Final, final

from app.core.sharing.facts import Unknown
from app.server.hardware.surroundings.bus import Bus, BusFailed
from app.server.hardware.surroundings.frames import Value

_MUTTER: Final = "org.gnome.Mutter.IdleMonitor"
_MUTTER_PATH: Final = "/org/gnome/Mutter/IdleMonitor/Core"
_SAVER: Final = "org.freedesktop.ScreenSaver"
_LOGIND: Final = "org.freedesktop.login1"

NO_SERVICE: Final = Unknown(why="no desktop service tells (GNOME, KDE, logind)")


@final
class DesktopBus:
    """Asks the desktop of this user. Used by one thread at a time."""

    def __init__(self, session: Bus | None = None, system: Bus | None = None) -> None:
        self._session = session or Bus.session()
        self._system = system or Bus.system()

    def idle_seconds(self) -> float | Unknown:
        """Since the last input, or since logind's hint; 0 while logind has none."""
        for ask in (self._of_mutter, self._of_screen_saver, self._of_logind):
            seconds = _attempt(ask)
            if seconds is not None:
                return seconds
        return NO_SERVICE

    def close(self) -> None:
        """Let the buses go."""
        self._session.close()
        self._system.close()

    def _of_mutter(self) -> float:
        milliseconds = self._session.ask(_MUTTER, _MUTTER_PATH, f"{_MUTTER}.GetIdletime")
        return _number(milliseconds) / 1000

    def _of_screen_saver(self) -> float:
        # KDE answers in milliseconds, though the interface was once meant to say seconds.
        path = "/org/freedesktop/ScreenSaver"
        return _number(self._session.ask(_SAVER, path, f"{_SAVER}.GetSessionIdleTime")) / 1000

    def _of_logind(self) -> float:
        manager = "/org/freedesktop/login1"
        session = os.environ.get("XDG_SESSION_ID", "") or "auto"
        path = str(self._system.ask(_LOGIND, manager, f"{_LOGIND}.Manager.GetSession", session))
        interface = f"{_LOGIND}.Session"
        # A session without a desktop never hints: its silence says nothing of a keyboard.
        if self._system.get(_LOGIND, path, interface, "Type") not in ("x11", "wayland", "mir"):
            raise BusFailed("no graphical session")
        if not self._system.get(_LOGIND, path, interface, "IdleHint"):
            return 0.0
        since = _number(self._system.get(_LOGIND, path, interface, "IdleSinceHintMonotonic"))
        return max(0.0, time.monotonic() - since / 1e6)


def _attempt(ask: Callable[[], float]) -> float | None:
    try:
        return ask()
    except BusFailed:
        return None


def _number(value: Value) -> float:
    if isinstance(value, str):
        raise BusFailed("the answer is no number")
    return float(value)
