"""Pool asks: what this node asked of its pools, what it may cost and what it did cost.

An ask is on the disk before the host hears of it, with the most that it may cost: a process that
dies in between has reserved too much for a while, never too little.
"""

from collections.abc import Callable
from typing import Final, Self, final

import msgspec

from app.core.base.ids import JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.member.calendar import by_day, day_of, first_day_of_month, midnight
from app.core.member.caps import Spent
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("pool_asks")


@final
class KeptAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One request that the pool answered, or is to answer."""

    job: JobId
    pool: PoolId
    model: str
    asked_at: Microseconds
    cost_max: Micros
    cost: Micros | None = None
    prompt: int | None = None
    completion: int | None = None
    served_by: str = ""
    receipt: str = ""
    ended_at: Microseconds | None = None


@final
class PoolAsks:
    """All asks, of every pool. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.open_asks: dict[JobId, KeptAsk] = {}
        """Those whose cost is not known."""

    @classmethod
    async def open(cls, database: Database) -> Self:
        """What `database` holds."""
        asks = cls(database)
        asks.open_asks = {ask.job: ask for ask in await asks._select(_SQL["open"])}
        return asks

    async def begin(self, ask: KeptAsk) -> None:
        """It will be asked; on the disk when this returns. Its name was never used."""
        assert ask.job not in self.open_asks, "another one's entry is not ours to take"
        self.open_asks[ask.job] = ask
        try:
            await self._database.write(
                _SQL["begin"],
                *(ask.job, ask.pool, ask.model, ask.asked_at, ask.cost_max),
            )
        except BaseException:
            self.open_asks.pop(ask.job, None)
            raise

    def note(self, ask: KeptAsk) -> None:
        """More is known of an open ask; the disk has it with the cost."""
        assert ask.job in self.open_asks, "it is open"
        self.open_asks[ask.job] = ask

    async def end(self, ask: KeptAsk) -> None:
        """Its cost is known."""
        assert ask.cost is not None and ask.ended_at is not None, "an ended ask has its cost"
        await self._database.write(
            _SQL["end"],
            *(ask.cost, ask.prompt or 0, ask.completion or 0, ask.served_by, ask.receipt),
            *(ask.ended_at, ask.job),
        )
        self.open_asks.pop(ask.job, None)

    async def find(self, job: JobId) -> KeptAsk | None:
        """The ask of that name."""
        found = await self._select(_SQL["find"], job)
        return found[0] if found else None

    async def newest(self, pool: PoolId, count: int) -> list[KeptAsk]:
        """The last ones that were asked of a pool, newest first."""
        return await self._select(_SQL["newest"], pool, count)

    async def all(self, pool: PoolId) -> list[KeptAsk]:
        """Every one that was asked of a pool, oldest first."""
        return await self._select(_SQL["all"], pool)

    async def spent(
        self, now: Microseconds, offset_at: Callable[[Microseconds], int], current: PoolId
    ) -> Spent:
        """What was spent in this day and month, in all pools, and what is reserved.

        `offset_at`: seconds by which the owner's time is ahead of UTC at a moment. Of a pool that
        is not `current` nobody can tell any more what an open ask did cost: it counts as spent,
        all that it may cost, when it was asked.
        """
        day = day_of(now, offset_at(now))
        begins = [midnight(number, offset_at) for number in (day, first_day_of_month(day))]
        (ended,) = await self._database.read(_SQL["spent"], *begins)
        asks = self.open_asks.values()
        left = [ask for ask in asks if ask.pool != current]
        of_day, of_month = (
            _int(cost) + sum(ask.cost_max for ask in left if ask.asked_at >= begin)
            for cost, begin in zip(ended, begins, strict=True)
        )
        reserved = sum(ask.cost_max for ask in asks if ask.pool == current)
        return Spent(day=Micros(of_day), month=Micros(of_month), reserved=Micros(reserved))

    async def spent_by_day(
        self, pool: PoolId, offset_at: Callable[[Microseconds], int]
    ) -> dict[int, int]:
        """Micros of each day (core/member/calendar)."""
        rows = await self._database.read(_SQL["spent_by_quarter"], pool)
        found = by_day(((_int(at), _int(cost)) for at, cost in rows), offset_at)
        return {day: cost for day, (cost,) in found.items()}

    async def spent_ever(self, pool: PoolId) -> Micros:
        """What all asks of a pool did cost whose cost is known."""
        return Micros(sum((await self.spent_by_day(pool, lambda _: 0)).values()))

    async def _select(self, statement: str, *values: Value) -> list[KeptAsk]:
        rows = await self._database.read(statement, *values)
        names = KeptAsk.__struct_fields__
        return [msgspec.convert(dict(zip(names, row, strict=True)), KeptAsk) for row in rows]


@final
class PoolDays:
    """Energy of each day. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_joules(self, pool: PoolId, day: int, joules: float) -> None:
        """More of it."""
        await self._database.write(_SQL["add_joules"], pool, day, joules)

    async def joules_by_day(self, pool: PoolId) -> dict[int, float]:
        """All that was measured."""
        rows = await self._database.read(_SQL["joules_by_day"], pool)
        return {_int(day): float(joules or 0) for day, joules in rows}


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
