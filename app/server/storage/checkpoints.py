"""Checkpoints: what the host has sworn about the head of its chain of verdicts, for ever."""

from typing import final

from app.core.pool.signed import SignedBytes
from app.server.storage.database import Database, Value


@final
class Checkpoints:
    """The checkpoints of one host. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, number: int, signed: SignedBytes) -> None:
        """One more; `number` is the next."""
        await self._database.write(
            "insert into checkpoints (number, body, signature) values (?, ?, ?)",
            *(number, signed.body, signed.signature),
        )

    async def last(self) -> SignedBytes | None:
        """The newest; None before the first."""
        rows = await self._database.read(
            "select body, signature from checkpoints order by number desc limit 1"
        )
        return _signed(rows[0]) if rows else None

    async def all(self) -> tuple[SignedBytes, ...]:
        """Every one, in order: for an audit."""
        rows = await self._database.read("select body, signature from checkpoints order by number")
        return tuple(_signed(row) for row in rows)


def _signed(row: tuple[Value, ...]) -> SignedBytes:
    body, signature = row
    assert isinstance(body, bytes) and isinstance(signature, bytes)
    return SignedBytes(body, signature)
