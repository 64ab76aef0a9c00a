"""Pace: how long to wait so that bytes stay below a cap.

Each byte has its moment; whoever is early waits. Time that was not used is forgiven only for
`BURST_SECONDS`, so a pause is not made up for by a flood. Law: in any stretch of time no more than
rate * (stretch + BURST_SECONDS) bytes pass, beside the last piece.
"""

from dataclasses import dataclass
from typing import Final, final

BURST_SECONDS: Final = 0.25
"""Long enough for uneven arrival, too short to be felt by others on the line."""


@final
@dataclass(frozen=True, slots=True)
class Pace:
    """Where the next byte stands in time; seconds of a clock that only goes forward."""

    due: float = float("-inf")

    def after(self, count: int, *, rate: int, now: float) -> tuple["Pace", float]:
        """The pace after `count` bytes came, and how many seconds to wait before more are taken.

        `rate` is in bytes a second; 0 is no cap, and forgets what was due.
        """
        if rate <= 0:
            return Pace(), 0.0
        due = max(self.due, now - BURST_SECONDS) + count / rate
        return Pace(due), max(0.0, due - now)


def shares(cap: int, running: int) -> int:
    """The cap of each of so many downloads under one cap for all; 0 stays no cap."""
    if cap <= 0 or running <= 0:
        return 0
    return max(1, cap // running)
