"""Facts: what is known of the machine around us at one moment, and what is not known and why.

A fact is a value or `Unknown`. What an unknown fact means is decided for each reason in table.py;
nowhere does it stand for "all is well" by accident, since it is no number and no truth.

Bytes, percents from 0 to 100, degrees Celsius, seconds.
"""

from typing import Final, final

import msgspec


@final
class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that this machine does not tell. `why` ends a sentence: "not known here: ..."."""

    why: str


NOT_YET: Final = Unknown(why="nobody has looked yet")


@final
class GpuFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU, and who uses it."""

    name: str
    memory_total: int
    memory_free: int | Unknown = NOT_YET
    ours_bytes: int = 0
    """That our engines hold; 0 where none is loaded there."""
    others_bytes: int | Unknown = NOT_YET
    others_growth_bytes: int | Unknown = NOT_YET
    """By how much other programs hold more than when the last of our engines was loaded."""
    others_busy_percent: float | Unknown = NOT_YET
    temperature_celsius: float | Unknown = NOT_YET


@final
class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner ordered by hand. Times are the caller's clock; None: not ordered."""

    held_until: float | None = None
    """GPU memory was freed, and until then no request may take it again."""
    snoozed_until: float | None = None
    """No lending until then."""
    is_finishing: bool = False
    """While snoozed: the guests' jobs under way may end first."""


@final
class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is weighed. The defaults are those of a node that has not looked yet."""

    seconds_since_input: float | Unknown = NOT_YET
    full_screen: bool | Unknown = NOT_YET
    """A program covers the whole screen."""
    exclusive_programs: tuple[str, ...] | Unknown = NOT_YET
    """Those of the owner's list that run now."""
    on_battery: bool | Unknown = NOT_YET
    battery_percent: float | Unknown = NOT_YET
    is_metered: bool | Unknown = NOT_YET
    """The network costs by volume."""
    gpus: tuple[GpuFacts, ...] = ()
    lost_gpus: tuple[str, ...] = ()
    """GPUs that were there and have gone."""
    minute_of_week: int = 0
    """Local time; 0 is Monday 00:00, 10,079 Sunday 23:59."""
    owner_requests: int = 0
    """In flight now."""
    seconds_since_start: float = 0.0
    orders: Orders = Orders()
