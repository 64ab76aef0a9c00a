"""Limits: how much may be asked in a minute, a day or a month, as values.

A minute's limit is a bucket that drains evenly: it takes `amount` at once and then as much as
drained since, so that no span of T minutes sees more than `amount * (1 + T)`. Days and months are
those of UTC and begin anew at once, as people expect of a budget. All of it is in whole numbers:
the fill of a bucket is counted in units times microseconds, so nothing is lost by rounding.

Rule: `admit` charges every limit or none, and a refusal changes nothing. What it charges is an
estimate; `correct` puts the true amount in its place when the work is over.
"""

from collections.abc import Sequence
from typing import Final, Literal, final

import msgspec

from app.core.base.units import SECOND, Microseconds
from app.core.member.calendar import DAY_SECONDS, day_of, first_day_of_month

Subject = Literal["key", "project", "account", "address"]
"""Whose limit it is."""

Measure = Literal["requests", "tokens", "credits"]
"""What is counted; credits in micros."""

Period = Literal["minute", "day", "month"]

_MINUTE: Final = 60 * SECOND
_DAY: Final = DAY_SECONDS * SECOND


@final
class Limit(msgspec.Struct, frozen=True):
    """The most of a measure in one period; 0 lets nothing pass."""

    measure: Measure
    period: Period
    amount: int


@final
class Level(msgspec.Struct, frozen=True):
    """How full a limit is: a bucket's fill at `at`, or the use of the period begun at `at`."""

    used: int = 0
    at: Microseconds = Microseconds(0)


@final
class Counted(msgspec.Struct, frozen=True):
    """A limit of somebody, and how full it is."""

    subject: Subject
    limit: Limit
    level: Level = Level()


@final
class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a request takes: one request, about so many tokens, about so many micros."""

    requests: int = 1
    tokens: int = 0
    credits: int = 0

    def of(self, measure: Measure) -> int:
        """The amount of one measure."""
        return {"requests": self.requests, "tokens": self.tokens, "credits": self.credits}[measure]


@final
class Charged(msgspec.Struct, frozen=True):
    """What was charged for a request at a time: when it came in, or since, as it grew."""

    amounts: Amounts
    at: Microseconds


@final
class Exceeded(msgspec.Struct, frozen=True, kw_only=True):
    """The limit that is longest in the way, and when the same request would pass."""

    subject: Subject
    limit: Limit
    asked: int
    left: int
    """What would still pass now."""
    again_at: Microseconds | None
    """Not before; None: never, it is more than the limit itself."""


@final
class Room(msgspec.Struct, frozen=True):
    """What is left of a limit, and how long it takes until all of it is."""

    amount: int
    left: int
    whole_in: Microseconds


def admit(
    counted: Sequence[Counted], asked: Amounts, now: Microseconds
) -> tuple[Counted, ...] | Exceeded:
    """All limits with the request in them, or the one that stands longest in its way."""
    exceeded = [
        found
        for one in counted
        if (found := _exceeded(one, asked.of(one.limit.measure), now)) is not None
    ]
    if exceeded:
        return max(exceeded, key=_wait)
    return tuple(
        msgspec.structs.replace(one, level=_with(one, asked.of(one.limit.measure), now))
        for one in counted
    )


def correct(
    counted: Sequence[Counted], charges: Sequence[Charged], actual: Amounts, now: Microseconds
) -> tuple[Counted, ...]:
    """The limits with what was used in the place of what was charged, in the order of `charges`.

    More than was charged fills a limit beyond its amount: the next requests wait for it. Less gives
    back what was charged last, in the day or month of that charge. One that ended meanwhile is not
    opened again.
    """
    return tuple(_corrected(one, charges, actual, now) for one in counted)


def used(one: Counted, now: Microseconds) -> int:
    """Whole units that count against the limit now; of a bucket rounded up."""
    if one.limit.period == "minute":
        return -(-_fill(one, now) // _MINUTE)
    return one.level.used if one.level.at >= start_of(one.limit.period, now) else 0


def room(counted: Sequence[Counted], measure: Measure, now: Microseconds) -> Room | None:
    """Of the limit of a measure that has least left; None where it has no limit."""
    rooms = [_room(one, now) for one in counted if one.limit.measure == measure]
    return min(rooms, key=lambda one: (one.left, -one.whole_in), default=None)


def start_of(period: Period, now: Microseconds) -> Microseconds:
    """When the minute before `now`, the day or the month began, in UTC."""
    match period:
        case "minute":
            return Microseconds(now - _MINUTE)
        case "day":
            return Microseconds(day_of(now, 0) * _DAY)
        case "month":
            return Microseconds(first_day_of_month(day_of(now, 0)) * _DAY)


def end_of(period: Period, now: Microseconds) -> Microseconds:
    """When the day or month ends that `now` lies in; of a minute, a minute from now."""
    match period:
        case "minute":
            return Microseconds(now + _MINUTE)
        case "day":
            return Microseconds((day_of(now, 0) + 1) * _DAY)
        case "month":
            # No month is longer than 31 days, and none shorter than 28.
            return Microseconds(first_day_of_month(day_of(start_of("month", now), 0) + 31) * _DAY)


def _exceeded(one: Counted, asked: int, now: Microseconds) -> Exceeded | None:
    if asked <= 0:
        return None
    left = _left(one, now)
    if asked <= left:
        return None
    again = None if asked > one.limit.amount else _again(one, asked, now)
    return Exceeded(
        subject=one.subject, limit=one.limit, asked=asked, left=max(0, left), again_at=again
    )


def _left(one: Counted, now: Microseconds) -> int:
    if one.limit.period == "minute":
        return (one.limit.amount * _MINUTE - _fill(one, now)) // _MINUTE
    return one.limit.amount - used(one, now)


def _room(one: Counted, now: Microseconds) -> Room:
    amount, at = one.limit.amount, max(now, one.level.at)
    whole_at = now
    if one.limit.period != "minute":
        whole_at = end_of(one.limit.period, Microseconds(at)) if used(one, now) else now
    elif amount and (fill := _fill(one, now)):  # a bucket of nothing never drains
        whole_at = Microseconds(at + -(-fill // amount))
    return Room(amount, max(0, _left(one, now)), Microseconds(whole_at - now))


def _again(one: Counted, asked: int, now: Microseconds) -> Microseconds:
    """The first moment at which `asked` passes, which is at most the limit's amount."""
    if one.limit.period != "minute":
        return end_of(one.limit.period, Microseconds(max(now, one.level.at)))
    over = _fill(one, now) + asked * _MINUTE - one.limit.amount * _MINUTE
    return Microseconds(max(now, one.level.at) + -(-over // one.limit.amount))


def _wait(exceeded: Exceeded) -> tuple[bool, int]:
    return exceeded.again_at is None, exceeded.again_at or 0


def _with(one: Counted, more: int, now: Microseconds) -> Level:
    """The level with `more` in it. A clock that went back drains nothing and opens no period."""
    at = Microseconds(max(now, one.level.at))
    if one.limit.period == "minute":
        return Level(_fill(one, now) + more * _MINUTE, at)
    start = start_of(one.limit.period, at)
    return Level((one.level.used if one.level.at >= start else 0) + more, max(start, one.level.at))


def _corrected(
    one: Counted, charges: Sequence[Charged], actual: Amounts, now: Microseconds
) -> Counted:
    measure, level = one.limit.measure, one.level
    more = actual.of(measure) - sum(charge.amounts.of(measure) for charge in charges)
    for charge in reversed(charges):
        part = max(more, -charge.amounts.of(measure))
        level = _moved(msgspec.structs.replace(one, level=level), part, charge.at, now)
        more -= part
    return msgspec.structs.replace(one, level=level)


def _moved(one: Counted, more: int, charged_at: Microseconds, now: Microseconds) -> Level:
    if one.limit.period == "minute":
        at = Microseconds(max(now, one.level.at))
        return Level(max(0, _fill(one, now) + more * _MINUTE), at)
    # Another period has begun since: what the request took was counted in its own.
    if start_of(one.limit.period, Microseconds(max(charged_at, now))) > one.level.at:
        return one.level
    if one.level.at > max(start_of(one.limit.period, charged_at), Microseconds(0)):
        return one.level
    return Level(max(0, one.level.used + more), one.level.at)


def _fill(one: Counted, now: Microseconds) -> int:
    """Of a minute's bucket, in units times microseconds."""
    drained = one.limit.amount * max(0, now - one.level.at)
    return max(0, one.level.used - drained)
