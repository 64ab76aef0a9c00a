"""Energy: what the guests' work took from the wall, by the samples of the GPUs' power.

Between two samples the power is taken as their mean; a gap (a sleep, a driver that went away)
counts as nothing rather than as a guess. Guests bear the share that their jobs are of all.
"""

from typing import Final, final

import msgspec

GAP_SECONDS_MAX: Final = 30.0
"""Samples further apart tell nothing of the time between them."""

JOULES_PER_KWH: Final = 3_600_000


@final
class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The power of all GPUs at a moment. `watts` is None where the driver does not tell."""

    at: float
    watts: float | None
    guests: int
    requests: int
    """Under way, the guests' among them."""


def joules_between(before: Sample | None, after: Sample) -> float:
    """What the guests' work took from one sample to the next."""
    if before is None or before.watts is None or after.watts is None:
        return 0.0
    seconds = after.at - before.at
    if not 0 < seconds <= GAP_SECONDS_MAX or not before.guests:
        return 0.0
    share = before.guests / max(before.guests, before.requests)
    return (before.watts + after.watts) / 2 * seconds * share


def kilowatt_hours(joules: float) -> float:
    """In the unit of an electricity bill."""
    return joules / JOULES_PER_KWH
