"""Limiter: how full every limit is now, and whether one more request passes.

The arithmetic is core/pool/limits; here are the levels, one for each limit of each subject. They
are in memory: after a restart minutes begin empty, days and months with what the usage rows say.

Rule: nothing waits between looking and charging, so any number of requests at once pass exactly as
often as the limits allow.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, final

import msgspec

from app.core.base.units import Microseconds
from app.core.pool.limits import (
    Amounts,
    Charged,
    Counted,
    Exceeded,
    Level,
    Limit,
    Measure,
    Period,
    Room,
    Subject,
    admit,
    correct,
    room,
    start_of,
    used,
)

ADDRESSES_MAX: Final = 50_000
"""Places whose levels are remembered; past it those that asked longest ago are forgotten."""


class Holder(NamedTuple):
    """Whose level it is."""

    subject: Subject
    id: str


class _Name(NamedTuple):
    holder: Holder
    measure: Measure
    period: Period


@final
class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A limit and how much of it is used, for whoever is shown it."""

    subject: Subject
    limit: Limit
    used: int


@final
class Limiter:
    """The levels of one host. Used by one event loop; `now` is microseconds since 1970."""

    def __init__(self, now: Callable[[], Microseconds]) -> None:
        self._now = now
        self._levels: dict[_Name, Level] = {}
        self._places: OrderedDict[str, None] = OrderedDict()

    def begin_with(
        self, holder: Holder, period: Period, amounts: Amounts, *, at: Microseconds
    ) -> None:
        """What was used in the day or month of `at` before the host was started."""
        start = start_of(period, at)
        for measure in ("requests", "tokens", "credits"):
            name = _Name(holder, measure, period)
            self._levels[name] = Level(amounts.of(measure), start)

    def begin_one(self, holder: Holder, limit: Limit, used_so_far: int) -> None:
        """A limit that is new: so much of its day or month was used before."""
        start = start_of(limit.period, self._now())
        self._levels[_Name(holder, limit.measure, limit.period)] = Level(used_so_far, start)

    def charge(self, limits: Iterable[tuple[Holder, Limit]], asked: Amounts) -> "Charge | Exceeded":
        """All limits charged, or the one that refuses."""
        now, names, counted = self._now(), [], []
        for holder, limit in limits:
            name = _Name(holder, limit.measure, limit.period)
            names.append(name)
            counted.append(Counted(holder.subject, limit, self._levels.get(name, Level())))
            if holder.subject == "address":
                self._remember(holder.id)
        found = admit(counted, asked, now)
        if isinstance(found, Exceeded):
            return found
        self._keep(names, found)
        return Charge(self, names, found, Charged(asked, now))

    def uses(self, limits: Iterable[tuple[Holder, Limit]]) -> tuple[Use, ...]:
        """How much of each limit is used now."""
        now = self._now()
        return tuple(
            Use(subject=holder.subject, limit=limit, used=used(self._counted(holder, limit), now))
            for holder, limit in limits
        )

    def room(self, limits: Iterable[tuple[Holder, Limit]], measure: Measure) -> Room | None:
        """What the tightest limit of a measure leaves; None where there is none."""
        return room([self._counted(*each) for each in limits], measure, self._now())

    def _counted(self, holder: Holder, limit: Limit) -> Counted:
        name = _Name(holder, limit.measure, limit.period)
        return Counted(holder.subject, limit, self._levels.get(name, Level()))

    def _keep(self, names: Sequence[_Name], counted: Sequence[Counted]) -> None:
        for name, one in zip(names, counted, strict=True):
            self._levels[name] = one.level

    def _replace(
        self,
        names: Sequence[_Name],
        limits: Sequence[Limit],
        charges: Sequence[Charged],
        actual: Amounts,
    ) -> None:
        counted = [
            Counted(name.holder.subject, limit, self._levels.get(name, Level()))
            for name, limit in zip(names, limits, strict=True)
        ]
        self._keep(names, correct(counted, charges, actual, self._now()))

    def _remember(self, place: str) -> None:
        self._places[place] = None
        self._places.move_to_end(place)
        while len(self._places) > ADDRESSES_MAX:
            old, _ = self._places.popitem(last=False)
            for name in [each for each in _names_of_place(old) if each in self._levels]:
                del self._levels[name]


@final
class Charge:
    """What one request was charged, until it is known what it really took."""

    def __init__(
        self,
        limiter: Limiter,
        names: Sequence[_Name],
        counted: Sequence[Counted],
        charged: Charged,
    ) -> None:
        self._limiter = limiter
        self._names = names
        self._limits = [one.limit for one in counted]
        self._charges = [charged]
        self._is_over = False

    def extend(self, more: Amounts) -> Exceeded | None:
        """Charge more tokens and credits for the same request, or say which limit refuses."""
        assert not self._is_over, "the request is over"
        more = msgspec.structs.replace(more, requests=0)
        limits = [(name.holder, limit) for name, limit in zip(self._names, self._limits,
                                                             strict=True)]  # fmt: skip
        found = self._limiter.charge(limits, more)
        if isinstance(found, Exceeded):
            return found
        self._charges += found._charges
        return None

    def settle(self, actual: Amounts) -> None:
        """What it really took, in the place of what was charged. Once; later calls change nothing.

        A request that came to nothing is settled by `Amounts(requests=0)`.
        """
        if self._is_over:
            return
        self._is_over = True
        self._limiter._replace(self._names, self._limits, self._charges, actual)


def _names_of_place(place: str) -> Iterable[_Name]:
    for measure in ("requests", "tokens", "credits"):
        for period in ("minute", "day", "month"):
            yield _Name(Holder("address", place), measure, period)
