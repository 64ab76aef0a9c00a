"""Receipts: the host's chain of verdicts, one for each attempt that was settled, for ever.

The bytes are stored as they were signed and never written anew (core/pool/receipt reads them). A
receipt is inserted once; a trigger refuses to change or delete one.
"""

from typing import Final, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Microseconds
from app.server.storage.database import Database, Value

_COLUMNS: Final = (
    "job, attempt, payer, device, earner, position, hash, device_hash, verdict, signature, at"
)


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
        values = msgspec.structs.astuple(receipt)
        marks = ", ".join("?" * len(values))
        changed = await self._database.write(
            f"insert into receipts ({_COLUMNS}) values ({marks})"  # noqa: S608  # constant columns
            " on conflict (job, attempt) do nothing",
            *values,
        )
        return changed == 1

    async def head(self) -> StoredReceipt | None:
        """The last of the chain."""
        return _first(await self._read("order by position desc limit 1"))

    async def count(self) -> int:
        """How many there are."""
        ((count,),) = await self._database.read("select count(*) from receipts")
        return int(count or 0)

    async def of_job(self, job: JobId) -> tuple[StoredReceipt, ...]:
        """Those of one job in the order of its attempts."""
        return await self._read("where job = ? order by attempt", job)

    async def of_device(
        self, device: DeviceId, *, after: int = -1, most: int = 100
    ) -> tuple[StoredReceipt, ...]:
        """Those of a device after a position of the chain, in its order."""
        return await self._read(
            "where device = ? and position > ? order by position limit ?", device, after, most
        )

    async def last_of_device(self, device: DeviceId) -> tuple[int, StoredReceipt | None]:
        """How many receipts the device gave, and the verdict with the last of them."""
        ((count,),) = await self._database.read(
            "select count(*) from receipts where device = ? and device_hash <> x''", device
        )
        last = await self._read(
            "where device = ? and device_hash <> x'' order by position desc limit 1", device
        )
        return int(count or 0), _first(last)

    async def of_account(
        self, account: AccountId, *, before: int | None = None, most: int = 100
    ) -> tuple[StoredReceipt, ...]:
        """Those that an account paid or earned by, newest first."""
        return await self._read(
            "where (payer = ?1 or earner = ?1) and (?2 is null or position < ?2)"
            " order by position desc limit ?3",
            *(account, before, most),
        )

    async def all(self, *, after: int = -1, most: int = 1000) -> tuple[StoredReceipt, ...]:
        """The chain in its order, a page at a time: for an audit."""
        return await self._read("where position > ? order by position limit ?", after, most)

    async def _read(self, condition: str, *values: Value) -> tuple[StoredReceipt, ...]:
        rows = await self._database.read(
            f"select {_COLUMNS} from receipts {condition}",  # noqa: S608  # constants of this file
            *values,
        )
        return tuple(
            msgspec.convert(
                dict(zip(StoredReceipt.__struct_fields__, row, strict=True)), StoredReceipt
            )
            for row in rows
        )


def _first(found: tuple[StoredReceipt, ...]) -> StoredReceipt | None:
    return found[0] if found else None
