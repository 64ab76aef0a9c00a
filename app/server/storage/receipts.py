"""Receipts: the host's chain of verdicts, one for each attempt that was settled, for ever.

The bytes are stored as they were signed and never written anew (core/pool/receipt reads them). A
receipt is inserted once; a trigger refuses to change or delete one.
"""

from typing import Final, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Microseconds
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("receipts")


@final
class StoredReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict and whom it concerns. Field order is the table's."""

    job: JobId
    attempt: int
    payer: AccountId
    device: DeviceId
    earner: AccountId
    position: int
    """In the host's chain, from 0."""
    hash: bytes
    """Of `verdict`: the next one names it."""
    device_hash: bytes
    """Of the device's own receipt within it; empty where it gave none."""
    verdict: bytes
    signature: bytes
    at: Microseconds


@final
class Receipts:
    """The chain of one host. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, receipt: StoredReceipt) -> bool:
        """Whether it is new. The same attempt again is no harm; another one in its place is a bug.

        Its position must be the next.
        """
        return await self._database.write(_SQL["add"], *msgspec.structs.astuple(receipt)) == 1

    async def head(self) -> StoredReceipt | None:
        """The last of the chain."""
        return _first(await self._read(_SQL["head"]))

    async def count(self) -> int:
        """How many there are."""
        ((count,),) = await self._database.read(_SQL["count"])
        return int(count or 0)

    async def of_job(self, job: JobId) -> tuple[StoredReceipt, ...]:
        """Those of one job in the order of its attempts."""
        return await self._read(_SQL["of_job"], job)

    async def last_of_device(self, device: DeviceId) -> StoredReceipt | None:
        """The verdict with the last receipt that the device gave."""
        return _first(await self._read(_SQL["last_given_by_device"], device))

    async def all(self, *, after: int = -1, most: int = 1000) -> tuple[StoredReceipt, ...]:
        """The chain in its order, a page at a time: for an audit."""
        return await self._read(_SQL["all"], after, most)

    async def _read(self, statement: str, *values: Value) -> tuple[StoredReceipt, ...]:
        rows = await self._database.read(statement, *values)
        return tuple(
            msgspec.convert(
                dict(zip(StoredReceipt.__struct_fields__, row, strict=True)), StoredReceipt
            )
            for row in rows
        )


def _first(found: tuple[StoredReceipt, ...]) -> StoredReceipt | None:
    return found[0] if found else None
