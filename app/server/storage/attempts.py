"""Attempts: which workers were asked for which tokens of jobs that are not settled yet.

Nothing of an attempt is delivered before it is here, durably; so a worker whose host dies is paid
by its receipt for what a caller has seen. When a job's hold is over its rows go. What comes while
the disk is busy is written together, in one transaction.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, final

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.commands import EventId
from app.core.ledger.pricing import Prices, Shares
from app.core.pool.jobs.effects import Record
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("attempts")

TOGETHER_MAX: Final = 1000
"""Rows in one transaction."""


@final
class Attempts:
    """The open attempts of one host. Used by one event loop, with `keep_written` at work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[str, tuple[Value, ...], asyncio.Future[None] | None]] = []
        self._came = asyncio.Event()

    async def record(self, record: Record, at: Microseconds) -> None:
        """Written durably when this returns. Raises: Unwritable."""
        prices, shares = record.prices, record.shares
        values: tuple[Value, ...] = (
            *(record.job, record.attempt, record.worker, record.account, record.payer),
            *(record.sha256, record.first),
            *(prices.input, prices.cached_input, prices.output),
            *(shares.worker, shares.fee, shares.fund),
            *(record.prompt_tokens, record.is_embedding, at),
        )
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((_SQL["add"], values, written))
        self._came.set()
        await written

    def forget(self, job: JobId) -> None:
        """The job's hold is over: its rows go at some time soon."""
        self._waiting.append((_SQL["forget"], (job,), None))
        self._came.set()

    async def keep_written(self) -> None:
        """Write what comes; runs until it is cancelled."""
        while True:
            await self._came.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write what is there."""
        self._came.clear()
        while self._waiting:
            together = self._waiting[:TOGETHER_MAX]
            del self._waiting[:TOGETHER_MAX]
            error: Unwritable | None = None
            try:
                await self._database.write_all([(sql, values) for sql, values, _ in together])
            except Unwritable as found:
                error = found
            except BaseException:
                # Broken off, as at the host's end: who waits for them waits for the next flush.
                self._waiting[:0] = together
                self._came.set()
                raise
            for _, _, written in together:
                if written is None or written.done():
                    continue
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)

    async def open(self) -> dict[JobId, tuple[Record, ...]]:
        """All there are, by job and in order: at the start, those of jobs that died with a host."""
        found: dict[JobId, list[Record]] = {}
        for row in await self._database.read(_SQL["all"]):
            record = _record(row)
            found.setdefault(record.job, []).append(record)
        return {job: tuple(records) for job, records in found.items()}

    async def of_job(self, job: JobId) -> tuple[Record, ...]:
        """Those of one job that are still remembered."""
        rows = await self._database.read(_SQL["of_job"], job)
        return tuple(_record(row) for row in rows)


def _record(row: Sequence[Value]) -> Record:
    job, worker, account, payer, sha256, *rest = row
    numbers = [int(n or 0) for n in rest]
    attempt, first, given, cached, output, work, fee, fund, prompt, is_embedding = numbers
    return Record(
        id=EventId(f"job/{job!s}/attempt/{attempt}"),
        job=JobId(str(job)),
        attempt=attempt,
        worker=DeviceId(str(worker)),
        account=AccountId(str(account)),
        payer=AccountId(str(payer)),
        sha256=str(sha256),
        first=first,
        prices=Prices(input=Micros(given), cached_input=Micros(cached), output=Micros(output)),
        shares=Shares(worker=work, fee=fee, fund=fund),
        prompt_tokens=prompt,
        is_embedding=bool(is_embedding),
    )
