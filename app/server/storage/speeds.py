"""Speeds: how fast models really were on this machine, and how fast its memory is read.

A disk that fails costs the memory of it, and never an answer.
"""

import logging
from typing import Final, final

from app.core.models.speed import MeasuredSpeed
from app.server.storage.database import Database
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("speeds")

log = logging.getLogger(__name__)


@final
class Speeds:
    """The figures in `database`, all in memory too. `open` makes one."""

    def __init__(self, database: Database, speeds: dict[str, MeasuredSpeed]) -> None:
        self._database = database
        self._speeds = speeds

    @classmethod
    async def open(cls, database: Database) -> "Speeds":
        """With what was measured before."""
        rows = await database.read(_SQL["all"])
        speeds: dict[str, MeasuredSpeed] = {}
        for identity, rate, tokens in rows:
            assert isinstance(identity, str) and isinstance(rate, float) and isinstance(tokens, int)
            speeds[identity] = MeasuredSpeed(tokens_per_second=rate, tokens=tokens)
        return cls(database, speeds)

    def of(self, identity: str) -> MeasuredSpeed | None:
        """What was measured of this model file; None where nothing was."""
        return self._speeds.get(identity)

    async def remember(self, identity: str, speed: MeasuredSpeed, at: float) -> None:
        """The new running mean."""
        self._speeds[identity] = speed
        try:
            await self._database.write(
                _SQL["remember"], identity, speed.tokens_per_second, speed.tokens, at
            )
        except Unwritable:
            log.warning("a speed could not be remembered", exc_info=True)

    async def bandwidths(self) -> dict[str, float]:
        """Bytes a second that were measured, by device."""
        rows = await self._database.read(_SQL["all_bandwidths"])
        return {str(device): float(str(rate)) for device, rate in rows}

    async def remember_bandwidth(self, device: str, rate: float, at: float) -> None:
        """How fast the device reads its memory."""
        await self._database.write(_SQL["remember_bandwidth"], device, rate, at)
