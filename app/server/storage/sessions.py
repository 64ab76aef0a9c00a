"""Sessions: the browsers that may change things, kept as SHA-256 of their cookies.

A session begins by a one-time link or an admin key and ends after `SESSION_SECONDS`, when its owner
signs out, or when all are ended. All live ones are in memory; `is_live` costs a hash and no query.

Rule: a secret is in nobody's hands but the browser's: no log, no repr, no table.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final, Literal, Self, final

from app.server.storage.database import Database
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("sessions")

OpenedBy = Literal["link", "key"]

SESSION_SECONDS: Final = 90 * 86400.0
"""A quarter of a year: a dashboard in daily use asks seldom, a forgotten one not for ever."""


@final
class Sessions:
    """The sessions of one node. Used by one event loop. `now` is seconds since 1970."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._ends: dict[bytes, float] = {}

    @classmethod
    async def open(cls, database: Database, now: Callable[[], float]) -> Self:
        """The live sessions of `database`, read into memory; those that ended are deleted."""
        sessions = cls(database, now)
        await database.write(_SQL["sweep"], now())
        for digest, ends in await database.read(_SQL["all"]):
            assert isinstance(digest, bytes) and isinstance(ends, float)
            sessions._ends[digest] = ends
        return sessions

    @property
    def count(self) -> int:
        """How many are live."""
        now = self._now()
        return sum(ends > now for ends in self._ends.values())

    async def begin(self, opened_by: OpenedBy) -> str:
        """A new session's secret, for the browser's cookie alone."""
        secret = secrets.token_urlsafe(32)
        digest, now = _digest(secret), self._now()
        await self._database.write(_SQL["add"], digest, now, now + SESSION_SECONDS, opened_by)
        self._ends[digest] = now + SESSION_SECONDS
        return secret

    def is_live(self, secret: str) -> bool:
        """Whether a browser with this cookie is signed in. Constant time in the secret."""
        presented, now = _digest(secret), self._now()
        found = False
        for digest, ends in self._ends.items():
            if hmac.compare_digest(digest, presented):
                found = ends > now
        return found

    async def end(self, secret: str) -> None:
        """Sign this browser out; a secret that is not known is no harm."""
        digest = _digest(secret)
        # First in memory: should the disk fail, it is out at least until a restart.
        self._ends.pop(digest, None)
        await self._database.write(_SQL["end"], digest)

    async def end_all(self) -> None:
        """Sign every browser out."""
        self._ends.clear()
        await self._database.write(_SQL["end_all"])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
