"""Hours: the parts of a week in which something is allowed.

Written as people write them: `mon-fri 22:00-07:00`, `sat-sun`, `wed 12:00-24:00`. A range of days
may go past Sunday, a range of times past midnight (it then belongs to the day it begins on). A list
of such texts allows each of them; an empty list allows the whole week.
"""

import re
from collections.abc import Sequence
from typing import Final, final

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES

_DAY: Final = "(?:mon|tue|wed|thu|fri|sat|sun)"
_TIME: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
PATTERN: Final = rf"^{_DAY}(?:-{_DAY})?(?: {_TIME}-(?:{_TIME}|24:00))?$"
"""What `Hours.of` reads; settings are checked by it."""


@final
class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """Spans of minutes of the week, begin included and end not; () is the whole week."""

    spans: tuple[tuple[int, int], ...] = ()
    """Within 0 to WEEK_MINUTES, sorted, apart from each other."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Hours":
        """The hours that the texts allow together. Raises: ValueError for one that is none."""
        minutes = sorted({minute for text in texts for minute in _minutes(text)})
        spans: list[tuple[int, int]] = []
        for minute in minutes:
            if spans and spans[-1][1] == minute:
                spans[-1] = (spans[-1][0], minute + 1)
            else:
                spans.append((minute, minute + 1))
        return cls(spans=tuple(spans))

    def allow(self, minute: int) -> bool:
        """Whether the minute of the week is within."""
        return not self.spans or any(begin <= minute < end for begin, end in self.spans)

    def opens_at(self, minute: int) -> int:
        """The minute of the week at which they next begin, seen from `minute` outside of them."""
        begins = [begin for begin, _ in self.spans]
        return min(begins, key=lambda begin: (begin - minute) % WEEK_MINUTES, default=minute)


def clock_words(minute: int) -> str:
    """A minute of the week as people say it: "mon 22:00"."""
    day, rest = divmod(minute % WEEK_MINUTES, DAY_MINUTES)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"


def _minutes(text: str) -> list[int]:
    if not re.match(PATTERN, text):
        raise ValueError(f"not hours of the week, such as `mon-fri 22:00-07:00`: {text!r}")
    days, _, times = text.partition(" ")
    first, _, last = days.partition("-")
    begin, end = 0, DAY_MINUTES
    if times:
        begin, end = (_minute_of_day(time) for time in times.split("-"))
        if end <= begin:
            end += DAY_MINUTES
    start = DAYS.index(first)
    count = (DAYS.index(last or first) - start) % len(DAYS) + 1
    return [
        ((start + day) * DAY_MINUTES + minute) % WEEK_MINUTES
        for day in range(count)
        for minute in range(begin, end)
    ]


def _minute_of_day(time: str) -> int:
    hour, _, minute = time.partition(":")
    return int(hour) * 60 + int(minute)
