"""Calendar: the owner's days and months, from a moment and the distance of local time from UTC.

Caps and plots go by the owner's own midnight, books by microseconds of UTC; this is between both.
Source of the arithmetic: H. Hinnant, "chrono-compatible low-level date algorithms".
"""

from collections.abc import Callable, Iterable
from operator import add
from typing import Final

from app.core.base.units import SECOND, Microseconds

DAY_SECONDS: Final = 86_400
_ERA_DAYS: Final = 146_097
"""Days of 400 years."""
_EPOCH: Final = 719_468
"""Days from 0000-03-01 to 1970-01-01."""


def day_of(at: Microseconds, offset_seconds: int) -> int:
    """Days since 1970-01-01 in the owner's time zone."""
    return (at + offset_seconds * SECOND) // (DAY_SECONDS * SECOND)


def midnight(day: int, offset_at: Callable[[Microseconds], int]) -> Microseconds:
    """When the day began in the owner's time zone, whose offset from UTC clocks may have changed
    since: in the same day, or in the same month."""
    in_utc = Microseconds(day * DAY_SECONDS * SECOND)
    about = Microseconds(in_utc - offset_at(in_utc) * SECOND)
    return Microseconds(in_utc - offset_at(about) * SECOND)


def by_day(
    rows: Iterable[tuple[int, ...]], offset_at: Callable[[Microseconds], int]
) -> dict[int, tuple[int, ...]]:
    """The sums of each day in the owner's time zone. A row is a moment, and amounts until the next
    quarter of an hour: no zone is ahead of UTC by less, and none changes its clocks within one."""
    days: dict[int, tuple[int, ...]] = {}
    for at, *amounts in rows:
        day = day_of(Microseconds(at), offset_at(Microseconds(at)))
        before = days.get(day, (0,) * len(amounts))
        days[day] = tuple(map(add, before, amounts))
    return days


def civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of the month."""
    era, of_era = divmod(day + _EPOCH, _ERA_DAYS)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    month_day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, month_day


def first_day_of_month(day: int) -> int:
    """The day on which the month of `day` began."""
    return day - civil(day)[2] + 1


def date_text(day: int) -> str:
    """The day in ISO 8601: "2026-11-21"."""
    year, month, month_day = civil(day)
    return f"{year:04}-{month:02}-{month_day:02}"
