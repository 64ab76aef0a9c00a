"""SleepSignals: the system says that it is about to sleep, and that it woke.

Each system tells it in its own way, and each waits a moment for those who have something to do
before: logind on Linux (an inhibitor of the kind `delay`), the power notifications of Windows and
of IOKit on macOS. Where nothing tells, a sleep is only seen afterwards, by its clocks (sleep.py).
"""

import sys
from collections.abc import Callable
from typing import Final, Literal, Protocol

SleepWord = Literal["sleeps", "woke"]

Hear = Callable[[SleepWord], None]
"""Called in a thread of the signals. The system sleeps when it returns from "sleeps", or when its
patience is over."""

PREPARE_SECONDS_MAX: Final = 3.0
"""How long a `Hear` may take. logind waits 5 seconds by its own default, Windows about two, macOS
thirty."""


class SleepUntold(Exception):
    """This system does not tell of its sleep; the message says why."""


class SleepSignals(Protocol):
    """The signals of one system."""

    def run(self, hear: Hear) -> None:
        """Tells `hear` of each sleep; returns after `close`. Blocking. Raises: SleepUntold."""

    def close(self) -> None:
        """End `run`, from any thread."""


def signals_here() -> SleepSignals:
    """Those of this system."""
    if sys.platform == "win32":
        from app.server.hardware.surroundings.windows_sleep import (  # noqa: PLC0415  # its own
            WindowsSleep,
        )

        return WindowsSleep()
    if sys.platform == "darwin":
        from app.server.hardware.surroundings.macos_sleep import (  # noqa: PLC0415  # its own
            MacosSleep,
        )

        return MacosSleep()
    from app.server.hardware.surroundings.logind_sleep import (  # noqa: PLC0415  # its own
        LogindSleep,
    )

    return LogindSleep()
