"""Reasons: why GPU memory is given back, and why nothing is lent; BOINC's words where it has one.

Ordered: the first of several is the one to say when there is room for one only. What the owner did
comes first, then what needs the machine at once, then what can wait for the end of a job.
Source: BOINC, lib/common_defs.h (suspend reasons).
"""

import enum
from typing import Final, final

import msgspec


@final
class Reason(enum.IntEnum):
    """One reason; its value is its rank."""

    USER_REQ = 1
    """The owner said so: lending is off, or GPU memory was ordered free."""
    SNOOZED = 2
    """The owner wants no lending for a while."""
    OS = 3
    """The system: a GPU is gone, as after a driver reset."""
    INITIAL_DELAY = 4
    """The node has only just started."""
    EXCLUSIVE_APP_RUNNING = 5
    """A program runs that always wins."""
    BATTERIES = 6
    """The machine runs on its battery."""
    OVERHEATED = 7
    """A GPU is too warm."""
    FULL_SCREEN = 8
    """A program covers the whole screen: a game, a film, a talk."""
    VRAM_PRESSURE = 9
    """Other programs take the memory of a GPU."""
    GPU_USAGE = 10
    """Other programs compute on a GPU."""
    USER_ACTIVE = 11
    """The keyboard or the mouse is in use."""
    OWNER_REQUESTS = 12
    """The owner's own requests are being answered."""
    TIME_OF_DAY = 13
    """Outside the hours that the owner set."""
    WIFI_STATE = 14
    """The network costs by volume."""

    @property
    def word(self) -> str:
        """As it stands in JSON: "exclusive_app_running"."""
        return self.name.lower()


@final
class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A reason that holds now."""

    reason: Reason
    since: float
    """When it began to hold, by the caller's clock."""
    detail: str = ""
    """Which programs, how warm; for the owner's faces alone, never for a log."""
    unknown: str = ""
    """Why nothing is known, where that is the whole reason."""
    is_over: bool = False
    """Its condition has gone, and it holds for a while yet."""
    lasts_seconds: float = 0.0
    """How long it holds after its condition has gone."""
    resumes_at: float | None = None
    """When it ends by itself; None when something must happen first."""

    @property
    def gist(self) -> tuple[object, ...]:
        """What of it is worth an event: figures such as a temperature are not."""
        names = self.detail if self.reason in NAMING else ""
        return self.reason, self.is_over, bool(self.unknown), names


NAMING: Final = frozenset({Reason.EXCLUSIVE_APP_RUNNING, Reason.OS, Reason.VRAM_PRESSURE})
"""Their details are names and not figures."""
