"""Units, each its own type, so that credits are not added to tokens or to times.

Money is a whole number of micros, time in books is a whole number of microseconds since 1970 in
UTC. No float touches either.
"""

from typing import Final, NewType

Micros = NewType("Micros", int)
"""Credits: 1 credit is 1,000,000 micros."""

Microseconds = NewType("Microseconds", int)
"""A moment: microseconds since 1970-01-01 in UTC."""

CREDIT: Final = Micros(1_000_000)
SECOND: Final = 1_000_000
"""Microseconds of a second."""
