"""Reconnect: how long a node waits before it calls its host again.

Full jitter: any time from nothing to a bound that doubles with each failure, so that the nodes of a
host which comes back do not come all at once. A host that says when to come is obeyed, with jitter
on top. Source: M. Brooker, "Exponential Backoff And Jitter", 2015.
"""

from typing import Final

FIRST_SECONDS: Final = 1.0
"""Bound of the first wait: a lost socket is mostly a moment's matter, and the session waits."""
BOUND_SECONDS_MAX: Final = 300.0
DIRECTED_SECONDS_MAX: Final = 86_400.0
"""A host that says "in a year" is asked again tomorrow."""
DIRECTED_JITTER: Final = 0.5
"""Of the directed wait, added by chance."""


def wait_seconds(failures: int, chance: float, *, directed: float = 0.0) -> float:
    """The wait after so many failures in a row (0: the link had been good).

    `chance` is a draw from [0, 1); `directed` the wait that the host asked for, 0 for none.
    """
    if directed > 0:
        base = min(directed, DIRECTED_SECONDS_MAX)
        return base * (1 + DIRECTED_JITTER * chance)
    bound = min(BOUND_SECONDS_MAX, FIRST_SECONDS * 2.0 ** min(failures, 30))
    return bound * chance
