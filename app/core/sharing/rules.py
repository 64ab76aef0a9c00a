"""Rules: the numbers and switches of the policy, as the owner set them.

For each reason two dwell times: how long its condition must hold before it counts, and how long
the condition must have gone before it counts no more. Beside them stand thresholds in pairs, to
enter and to leave; between the two nothing changes. Both together keep the verdict from flapping.

Seconds, bytes, percents, degrees Celsius.
"""

from typing import Final, Literal, NamedTuple, final

import msgspec

from app.core.sharing.hours import Hours
from app.core.sharing.reasons import Reason

Mode = Literal["off", "idle", "always"]
"""off: nothing is lent. idle: while nobody uses the machine. always: beside its use."""

MIB: Final = 1024**2


class Dwell(NamedTuple):
    """Seconds from condition to reason, and from the condition's end to the reason's."""

    enter: float
    leave: float


MEMORY_DWELLS: Final[dict[Reason, Dwell]] = {
    Reason.USER_REQ: Dwell(0, 0),
    Reason.EXCLUSIVE_APP_RUNNING: Dwell(0, 10),  # games restart themselves behind a launcher
    Reason.FULL_SCREEN: Dwell(5, 10),
    Reason.VRAM_PRESSURE: Dwell(1, 30),
}
"""For keeping memory or freeing it. Models come back soon after, since the owner may want one."""

LENDING_DWELLS: Final[dict[Reason, Dwell]] = {
    Reason.USER_REQ: Dwell(0, 0),
    Reason.SNOOZED: Dwell(0, 0),
    Reason.OS: Dwell(0, 60),
    Reason.INITIAL_DELAY: Dwell(0, 0),
    Reason.EXCLUSIVE_APP_RUNNING: Dwell(0, 300),
    Reason.BATTERIES: Dwell(0, 30),
    Reason.OVERHEATED: Dwell(5, 60),
    Reason.FULL_SCREEN: Dwell(5, 300),
    Reason.VRAM_PRESSURE: Dwell(1, 60),
    Reason.GPU_USAGE: Dwell(5, 60),
    Reason.USER_ACTIVE: Dwell(0, 0),  # `idle_seconds` is its dwell: input is a time already
    Reason.OWNER_REQUESTS: Dwell(0, 60),
    Reason.TIME_OF_DAY: Dwell(0, 0),
    Reason.WIFI_STATE: Dwell(5, 60),
}
"""For lending. It comes back slowly: a guest's job that is cut short is work for nothing."""


@final
class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All that `decide` goes by."""

    # memory
    frees_on_full_screen: bool = False
    frees_on_pressure: bool = True
    refuses_while_paused: bool = True
    """Requests load no model while a program has the GPU; the owner's explicit load always does."""
    has_exclusive_list: bool = False
    """The owner named programs; without a list nothing needs to be known of programs."""
    pressure_free_bytes: int = 512 * MIB
    """Less free memory on a GPU of ours than this is pressure; twice as much is none."""
    pressure_growth_bytes: int = 256 * MIB
    """... if others have grown by so much since our load: else the tightness is our own."""
    # lending
    mode: Mode = "off"
    hours: Hours = Hours()
    idle_seconds: float = 180.0
    active_seconds: float = 10.0
    """Input this young means that somebody is there."""
    lends_on_battery: bool = False
    lends_on_metered: bool = False
    temperature_max: float = 85.0
    temperature_drop: float = 10.0
    """So much cooler it must become before lending goes on."""
    busy_percent_max: float = 25.0
    busy_percent_low: float = 10.0
    initial_delay_seconds: float = 60.0
    memory_dwells: dict[Reason, Dwell] = msgspec.field(default_factory=lambda: dict(MEMORY_DWELLS))
    lending_dwells: dict[Reason, Dwell] = msgspec.field(
        default_factory=lambda: dict(LENDING_DWELLS)
    )
