"""Schedule: when to look for a new version, and whether now is a moment to do it. Pure.

Once a day, each machine at its own time: a publisher's server is not asked by all at once, and who
watches the network does not learn when a machine was switched on. Nothing is looked for or fetched
while an answer is under way, on battery or where the network costs; what is not known of battery
and network does not hinder, since most machines have neither.
"""

import enum
from typing import Final

from app.core.sharing.facts import Facts, Unknown

DAY_SECONDS: Final = 86_400.0
JITTER: Final = 0.25
"""Of a day, before or after."""
FIRST_SECONDS_MIN: Final = 300.0
"""After the start: then the owner wants models and not news."""
FIRST_SECONDS_MAX: Final = 3600.0
RETRY_SECONDS: Final = 3600.0
"""After a look that failed; twice as long after each further one, at most a day."""
FETCH_RETRY_SECONDS_MAX: Final = 4 * DAY_SECONDS
"""The longest wait after fetches of one file that failed, which begins as that of looks. A file
that is wrong where it is published has some hundred MB, and is moved whole each time."""


def next_look(
    *, looked_at: float | None, failures: int, started_at: float, now: float, chance: float
) -> float:
    """When the next look is due, in the clock of `now`; it may be past.

    `looked_at` is when the last look was, None for never; `failures` how many failed since one
    went well; `chance` is from 0 to 1, drawn once and kept until that look.
    """
    assert 0 <= chance <= 1, "chance is a fraction"
    settled = started_at + FIRST_SECONDS_MIN + chance * (FIRST_SECONDS_MAX - FIRST_SECONDS_MIN)
    if looked_at is None or looked_at > now:
        # A clock that was set back must not keep a machine from looking for years.
        return settled
    if failures:
        return looked_at + _wait(failures, DAY_SECONDS, chance)
    return max(settled, looked_at + DAY_SECONDS * (1 + JITTER * (2 * chance - 1)))


def next_fetch(*, failed_at: float, failures: int, now: float, chance: float) -> float:
    """When a file that could not be fetched is tried again, in the clock of `now`; may be past.

    `failures` is how many fetches of it failed, the last one at `failed_at`; `chance` as above.
    """
    assert 0 <= chance <= 1, "chance is a fraction"
    if not failures or failed_at > now:
        return now
    return failed_at + _wait(failures, FETCH_RETRY_SECONDS_MAX, chance)


def _wait(failures: int, seconds_max: float, chance: float) -> float:
    """Twice as long after each failure."""
    wait = min(seconds_max, RETRY_SECONDS * 2.0 ** min(failures - 1, 10))
    return wait * (1 + JITTER * chance)


class Hindrance(enum.Enum):
    """Why it has to wait; the value completes "it waits, since ..."."""

    ANSWERING = "an answer is under way"
    BATTERY = "the computer runs on its battery"
    METERED = "the network is metered"


def hindrance_of(facts: Facts, *, requests: int) -> Hindrance | None:
    """Why nothing is looked for or fetched by itself now; `requests` are those in flight."""
    if requests:
        return Hindrance.ANSWERING
    if not isinstance(facts.on_battery, Unknown) and facts.on_battery:
        return Hindrance.BATTERY
    if not isinstance(facts.is_metered, Unknown) and facts.is_metered:
        return Hindrance.METERED
    return None
