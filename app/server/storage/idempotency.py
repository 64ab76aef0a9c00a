"""Idempotency: which job a caller's own word stands for, so that asking again is not paying twice.

The request itself is not kept, nor anything from which it could be guessed: its fingerprint is
keyed by the caller's secret, which is not stored either (server/host/access.py).
"""

import logging
from collections.abc import Callable
from hashlib import sha256
from typing import Final, final

import msgspec

from app.core.base.ids import JobId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.pool_key import is_same
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("idempotency")

log = logging.getLogger(__name__)

KEPT: Final = 24 * 3600 * SECOND
"""So long is a word remembered; clients retry within minutes."""
ASKS_KEPT: Final = 90 * KEPT
"""The same of members' asks: a machine that was away for weeks asks what its last ones did cost."""


@final
class Claim(msgspec.Struct, frozen=True):
    """What a word stands for."""

    job: JobId
    is_new: bool
    """It was not said before: the job is to be begun."""
    is_same: bool
    """The request is the one that it was first said with."""


@final
class Idempotency:
    """The words of all callers. Used by one event loop."""

    def __init__(self, database: Database, now: Callable[[], Microseconds]) -> None:
        self._database = database
        self._now = now
        self._over: list[tuple[Value, ...]] = []
        """Scopes, words and jobs that came to nothing: their rows go with the next write."""

    async def claim(
        self, scope: str, word: str, fingerprint: bytes, job: JobId, *, part: str = ""
    ) -> Claim:
        """Say `word` for `job`; the answer has the job of whoever said it first.

        A request of several jobs says its word for each `part`. Where any part of the word was said
        with another request, all of them stand for that one.

        Raises: Unwritable.
        """
        now = self._now()
        first, last = _hidden(word), _hidden(word) + _PAST_EVERY_PART
        values = (scope, _hidden(word, part), fingerprint, job, now, now - KEPT, first, last)
        if await self._written(_SQL["claim"], *values):
            return Claim(job, is_new=True, is_same=True)
        rows = await self._database.read(
            _SQL["claimed"], scope, first, last, now - KEPT, fingerprint, _hidden(word, part)
        )
        if not rows:  # it was forgotten in between
            return await self.claim(scope, word, fingerprint, job, part=part)
        ((known, said_for),) = rows
        assert isinstance(known, bytes)
        return Claim(JobId(str(said_for)), is_new=False, is_same=is_same(known, fingerprint))

    async def find(self, scope: str, word: str) -> JobId | None:
        """The job of a word that was said before; None where it is not remembered."""
        rows = await self._database.read(_SQL["found"], scope, _hidden(word))
        return JobId(str(rows[0][1])) if rows else None

    def forget(self, scope: str, word: str, job: JobId, *, part: str = "") -> None:
        """The job came to nothing: the word may be said again, from now on."""
        self._over.append((scope, _hidden(word, part), job))

    async def sweep(self) -> int:
        """Forget what is older than `KEPT`, members' asks than `ASKS_KEPT`; how many words.

        Raises: Unwritable.
        """
        now = self._now()
        return await self._written(_SQL["sweep"], now - KEPT, now - ASKS_KEPT)

    async def flush(self) -> None:
        """Bring to the disk which words are free: a client may retry after a restart."""
        try:
            await self.sweep()
        except Unwritable:
            # They stand for a day then; whoever says one is told so, and that a new one helps.
            log.warning("words that are free could not be written", exc_info=True)

    async def _written(self, sql: str, *values: Value) -> int:
        """Rows changed by the statement, with what is over forgotten before it."""
        over, self._over = self._over, []
        statements = [*((_SQL["forget"], each) for each in over), (sql, values)]
        try:
            return (await self._database.write_all(statements))[-1]
        except BaseException:
            self._over += over
            raise


_PAST_EVERY_PART: Final = b"\xff"
"""Sorts after every name of a part, which is text."""


def _hidden(word: str, part: str = "") -> bytes:
    """A caller may write anything there, and it is kept for a day. Parts are named by us."""
    return sha256(word.encode("utf-8", "surrogatepass")).digest() + part.encode()
