"""Usage: one row for each request that ended, with metadata only. Never a body, never a message.

The books say what was paid; these rows say for what, to whoever pays, and are what quotas begin
with after a restart. They are gathered and written together, so that an answer never waits for
them; addresses and rows are dropped after the days that the operator chose.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Literal, final

import msgspec

from app.core.base.ids import AccountId, JobId, ProjectId, RequestId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.member.calendar import DAY_SECONDS
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("usage")

log = logging.getLogger(__name__)

WAITING_MAX: Final = 20_000
"""Rows in memory while the disk is full; then the oldest are given up."""

FOUND_MAX: Final = 1000
"""Jobs shown of one request: more choices than anybody is given."""

DAY: Final = DAY_SECONDS * SECOND

GroupedBy = Literal["account", "project", "caller", "model"]


@final
class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job that ended: a request, or one of its choices. Field order is the table's."""

    job: JobId
    at: Microseconds
    account: AccountId
    project: ProjectId
    caller: str
    """"key " and the key's id, or "device " and the device's."""
    model: str
    sha256: str = ""
    status: str
    prompt: int = 0
    """This and the next three as they were counted for the books; of own devices too."""
    cached: int = 0
    answer: int = 0
    reasoning: int = 0
    cost: Micros = Micros(0)
    first_ms: int | None = None
    total_ms: int = 0
    attempts: int = 0
    address: str | None = None
    request: RequestId = RequestId("")
    """The x-request-id that its answer carried; of a member the id of its ask; "" where a host
    before these were kept has written the row."""


@final
class Total(msgspec.Struct, frozen=True, kw_only=True):
    """What several rows come to."""

    of: str
    requests: int
    prompt: int
    cached: int
    answer: int
    cost: Micros


@final
class EndCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a model ended so."""

    model: str
    status: str
    requests: int


@final
class Usage:
    """The rows of one host. Used by one event loop."""

    def __init__(self, database: Database, now: Callable[[], Microseconds]) -> None:
        self._database = database
        self._now = now
        self._waiting: deque[UsageRow] = deque(maxlen=WAITING_MAX)
        self._came = asyncio.Event()
        self._forgotten: set[AccountId] = set()

    def note(self, row: UsageRow) -> None:
        """Written soon. The same job again replaces nothing."""
        self._waiting.append(row)
        self._came.set()

    async def keep_written(self) -> None:
        """Bring rows to the disk as they come; runs until it is cancelled."""
        while True:
            await self._came.wait()
            await self.flush()

    async def flush(self) -> None:
        """Bring the rows so far to the disk; those that cannot be written now wait for the next."""
        self._came.clear()
        rows = [row for row in self._waiting if row.account not in self._forgotten]
        self._waiting.clear()
        is_written = False
        try:
            await self._database.write_many(
                _SQL["add"], [msgspec.structs.astuple(row) for row in rows]
            )
            is_written = True
        except Unwritable:
            # A full disk must not end the host: the books are what is owed, and they say so.
            log.warning("usage could not be written", extra={"rows": len(rows)}, exc_info=True)
        finally:
            if not is_written:  # or the writing was broken off, as at the host's end
                room = WAITING_MAX - len(self._waiting)
                self._waiting.extendleft(reversed(rows[max(0, len(rows) - room) :]))

    async def rows(
        self,
        *,
        account: AccountId | None = None,
        since: int = 0,
        before: Microseconds | None = None,
        most: int = 100,
    ) -> tuple[UsageRow, ...]:
        """The newest rows, of one account or of all, newest first."""
        await self.flush()
        found = await self._database.read(_SQL["newest"], account, since, before, most)
        return tuple(_row(row) for row in found)

    async def find(self, word: str, *, account: AccountId | None = None) -> tuple[UsageRow, ...]:
        """The rows of a request by its x-request-id, or of a job by its id; newest first."""
        if not word:
            return ()
        await self.flush()
        found = await self._database.read(_SQL["find"], word, account, FOUND_MAX)
        return tuple(_row(row) for row in found)

    async def costs(self, *, after: JobId, most: int) -> list[tuple[JobId, Micros]]:
        """What each job cost, by its id and after that one, a page at a time: for an audit."""
        await self.flush()
        found = await self._database.read(_SQL["costs"], after, most)
        return [(JobId(str(job)), Micros(int(cost or 0))) for job, cost in found]

    async def totals(
        self,
        by: GroupedBy,
        *,
        since: int,
        account: AccountId | None = None,
    ) -> tuple[Total, ...]:
        """What was used since then, dearest first."""
        await self.flush()
        found = await self._database.read(_SQL["totals"], by, since, account)
        names = Total.__struct_fields__
        return tuple(msgspec.convert(dict(zip(names, row, strict=True)), Total) for row in found)

    async def ends(self, *, since: int) -> tuple[EndCount, ...]:
        """How the requests since then ended, by model."""
        await self.flush()
        found = await self._database.read(_SQL["ends"], since)
        names = EndCount.__struct_fields__
        return tuple(msgspec.convert(dict(zip(names, row, strict=True)), EndCount) for row in found)

    async def forget(self, account: AccountId) -> int:
        """Drop every row of an account; how many there were. What it paid stays in the books."""
        # What it has under way ends later: nothing of that is written.
        self._forgotten.add(account)
        return await self._database.write(_SQL["forget"], account)

    async def sweep(self, *, address_days: int, row_days: int) -> tuple[int, int]:
        """Drop addresses and rows that are older; how many of each."""
        now = self._now()
        addresses, rows = await self._database.write_all(
            [
                (_SQL["drop_addresses"], (now - address_days * DAY,)),
                (_SQL["drop_rows"], (now - row_days * DAY,)),
            ]
        )
        return addresses, rows


def _row(values: tuple[Value, ...]) -> UsageRow:
    names = UsageRow.__struct_fields__
    return msgspec.convert(dict(zip(names, values, strict=True)), UsageRow)
