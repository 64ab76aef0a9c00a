"""A host's database in a folder, and a clock that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.core.base.units import SECOND, Microseconds
from app.server.storage.database import Database

DAY = 86_400 * SECOND
BEGIN = 20_000 * DAY
"""A midnight in 2024."""


class Clock:
    """Microseconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> Microseconds:
        return Microseconds(self.now)


def with_host(folder: Path, act: Callable[[Database, Clock], Awaitable[None]]) -> None:
    """Run `act` on the host's database in `folder`, made if it is not there."""

    async def run() -> None:
        async with await Database.open(folder / "pool.db", "host") as database:
            await act(database, Clock())

    asyncio.run(run())


def files_hold(folder: Path, what: bytes) -> bool:
    """Whether any file below `folder` has these bytes in it."""
    return any(what in path.read_bytes() for path in folder.rglob("*") if path.is_file())
