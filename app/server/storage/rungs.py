"""Rungs: which safer plan each model file needed, so that it does not crash again tomorrow.

A note holds only for the version of the program that made it: a new one may have mended the crash
and tries the fast plan again. A disk that fails costs the memory of it, and never a load.
"""

import logging
import sqlite3
from typing import Final, final

from app.server.storage.database import Database
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("rungs")

log = logging.getLogger(__name__)


@final
class Rungs:
    """The notes in `database`, read and written by `version` of the program."""

    def __init__(self, database: Database, version: str) -> None:
        self._database = database
        self._version = version

    async def of(self, identity: str) -> int:
        """How many safer plans to take at once for this model file; 0 when nothing is known."""
        try:
            rows = await self._database.read(_SQL["of"], identity, self._version)
        except sqlite3.Error:
            log.warning("a remembered plan could not be read", exc_info=True)
            return 0
        for (rung,) in rows:
            assert isinstance(rung, int)
            return rung
        return 0

    async def remember(self, identity: str, rung: int, at: float) -> None:
        """Begin with this rung from now on; 0 forgets."""
        try:
            if rung == 0:
                await self._database.write(_SQL["forget"], identity)
            else:
                await self._database.write(_SQL["remember"], identity, rung, self._version, at)
        except Unwritable:
            log.warning("a plan could not be remembered", exc_info=True)
