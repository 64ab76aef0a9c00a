"""Pool receipts: this device's chain of receipts for each pool, with what the host says to each.

A receipt is on the disk before it is sent, and is sent until the host has counter-signed it: work
that was done is not lost with a process or a socket. Bytes are kept as they were signed; nobody
encodes them again.
"""

from collections.abc import Callable
from typing import Final, Self, final

import msgspec

from app.core.base.ids import JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.member.calendar import by_day
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("pool_receipts")


@final
class KeptReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt. Its words are counts; no answer is in it."""

    number: int
    """From 0; its place in this device's chain."""
    job: JobId
    attempt: int
    model: str
    finished: bytes
    """The frame that told of it, in msgpack, to be sent again."""
    receipt: bytes
    signature: bytes
    hash: bytes
    """Of the receipt; the next one names it."""
    finished_at: Microseconds
    verdict: bytes | None = None
    verdict_signature: bytes | None = None
    earned: Micros | None = None
    settled_at: Microseconds | None = None


@final
class KeptCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A signed head of the host's chain of verdicts."""

    number: int
    checkpoint: bytes
    signature: bytes
    seen_at: Microseconds


@final
class PoolReceipts:
    """The receipts of one pool. Used by one event loop; what is written is on the disk."""

    def __init__(self, database: Database, pool: PoolId) -> None:
        self._database = database
        self._pool = pool
        self.count = 0
        """How many there are: the next one's number."""
        self.head = b""
        """Hash of the last one; b"" while there is none."""
        self.unacknowledged = 0

    @classmethod
    async def open(cls, database: Database, pool: PoolId) -> Self:
        """What `database` holds of this pool."""
        receipts = cls(database, pool)
        ((count, unacknowledged),) = await database.read(_SQL["counts"], pool)
        receipts.count, receipts.unacknowledged = int(count or 0), int(unacknowledged or 0)
        if receipts.count:
            ((head,),) = await database.read(_SQL["head"], pool)
            assert isinstance(head, bytes)
            receipts.head = head
        return receipts

    async def add(self, receipt: KeptReceipt) -> None:
        """At the end of the chain; on the disk when this returns."""
        assert receipt.number == self.count, "a chain has no gap"
        assert receipt.verdict is None, "the verdict comes later"
        await self._database.write(_SQL["add"], self._pool, *msgspec.structs.astuple(receipt)[:9])
        self.count += 1
        self.unacknowledged += 1
        self.head = receipt.hash

    async def settle(
        self,
        number: int,
        *,
        verdict: bytes,
        signature: bytes,
        earned: Micros,
        at: Microseconds,
    ) -> bool:
        """Keep the host's verdict; False where there was one already."""
        changed = await self._database.write(
            _SQL["settle"],
            *(verdict, signature, earned, at, self._pool, number),
        )
        self.unacknowledged -= changed
        return bool(changed)

    async def find(self, job: JobId, attempt: int) -> KeptReceipt | None:
        """The receipt of an attempt."""
        found = await self._select(_SQL["find"], self._pool, job, attempt)
        return found[0] if found else None

    async def all(self) -> list[KeptReceipt]:
        """The whole chain."""
        return await self.from_number(0)

    async def from_number(self, number: int) -> list[KeptReceipt]:
        """Those from this one on, in order: what a host that has so many lacks."""
        return await self._select(_SQL["from_number"], self._pool, number)

    async def without_verdict(self) -> list[KeptReceipt]:
        """Those that the host has not counter-signed, in order."""
        return await self._select(_SQL["without_verdict"], self._pool)

    async def newest(self, count: int, *, before: int | None = None) -> list[KeptReceipt]:
        """The last ones, newest first, of those before a number."""
        end = self.count if before is None else before
        return await self._select(_SQL["newest"], self._pool, end, count)

    async def earned_by_day(
        self, offset_at: Callable[[Microseconds], int]
    ) -> dict[int, tuple[int, int]]:
        """Micros and jobs of each day (core/member/calendar) by when they were settled."""
        rows = await self._database.read(_SQL["earned_by_quarter"], self._pool)
        found = by_day(
            ((_int(at), _int(earned), _int(jobs)) for at, earned, jobs in rows), offset_at
        )
        return {day: (earned, jobs) for day, (earned, jobs) in found.items()}

    async def keep_checkpoint(self, kept: KeptCheckpoint) -> None:
        """Beside those before; the same one once."""
        await self._database.write(
            _SQL["add_checkpoint"], self._pool, *msgspec.structs.astuple(kept)
        )

    async def checkpoints(self) -> list[KeptCheckpoint]:
        """All that were seen, by number."""
        return _checkpoints(await self._database.read(_SQL["checkpoints"], self._pool))

    async def checkpoints_beside(self, number: int) -> list[KeptCheckpoint]:
        """Those of that number and of the nearest ones before and after it: its neighbours."""
        return _checkpoints(
            await self._database.read(_SQL["checkpoints_beside"], self._pool, number)
        )

    async def _select(self, statement: str, *values: Value) -> list[KeptReceipt]:
        rows = await self._database.read(statement, *values)
        return [_receipt(row) for row in rows]


def _checkpoints(rows: list[tuple[Value, ...]]) -> list[KeptCheckpoint]:
    names = KeptCheckpoint.__struct_fields__
    return [
        msgspec.convert(dict(zip(names, row, strict=True)), KeptCheckpoint, builtin_types=())
        for row in rows
    ]


def _receipt(row: tuple[Value, ...]) -> KeptReceipt:
    names = KeptReceipt.__struct_fields__
    return msgspec.convert(
        dict(zip(names, row, strict=True)), KeptReceipt, builtin_types=(bytes, bytearray)
    )


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
