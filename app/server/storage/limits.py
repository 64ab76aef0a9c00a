"""Limits: what an operator allows a key, a project or an account, in memory and on the disk."""

from typing import Final, Literal, Self, final

import msgspec

from app.core.pool.limits import Limit, Measure, Period
from app.server.storage.database import Database
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("limits")

LimitKind = Literal["key", "project", "account"]


@final
class Limits:
    """The limits of one host. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._limits: dict[tuple[LimitKind, str], dict[tuple[Measure, Period], Limit]] = {}

    @classmethod
    async def open(cls, database: Database) -> Self:
        """Those of `database`, read into memory."""
        limits = cls(database)
        for kind, subject, *rest in await database.read(_SQL["all"]):
            limit = msgspec.convert(dict(zip(("measure", "period", "amount"), rest, strict=True)),
                                    Limit)  # fmt: skip
            whose = msgspec.convert(kind, LimitKind), str(subject)
            limits._limits.setdefault(whose, {})[limit.measure, limit.period] = limit
        return limits

    def of(self, kind: LimitKind, subject: str) -> tuple[Limit, ...]:
        """What was set for one key, project or account."""
        return tuple(self._limits.get((kind, subject), {}).values())

    async def set(self, kind: LimitKind, subject: str, limit: Limit) -> None:
        """Allow so much from now on, instead of what was allowed before."""
        self._limits.setdefault((kind, subject), {})[limit.measure, limit.period] = limit
        await self._database.write(
            _SQL["set"], kind, subject, limit.measure, limit.period, limit.amount
        )

    async def clear(self, kind: LimitKind, subject: str, measure: Measure, period: Period) -> None:
        """Set no limit of this kind any more; what the host's settings say holds again."""
        self._limits.get((kind, subject), {}).pop((measure, period), None)
        await self._database.write(_SQL["clear"], kind, subject, measure, period)
