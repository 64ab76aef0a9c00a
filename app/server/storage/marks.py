"""Marks: what the owner did once and need not be asked again."""

from collections.abc import Callable
from typing import Final, Literal, Self, final

from app.server.storage.database import Database
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("marks")

MarkName = Literal["first_run"]
"""first_run: the guided start was finished or skipped."""


@final
class Marks:
    """The marks of one node, in memory and in `database`. `now` is seconds since 1970."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._marked: set[str] = set()

    @classmethod
    async def open(cls, database: Database, now: Callable[[], float]) -> Self:
        """The marks of `database`."""
        marks = cls(database, now)
        rows = await database.read(_SQL["all"])
        marks._marked = {str(name) for (name,) in rows}
        return marks

    def has(self, name: MarkName) -> bool:
        """Whether it was done."""
        return name in self._marked

    async def set(self, name: MarkName) -> None:
        """It was done; once is as good as twice."""
        self._marked.add(name)
        await self._database.write(_SQL["set"], name, self._now())
