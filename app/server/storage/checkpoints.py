"""Checkpoints: what the host has sworn about the head of its chain of verdicts, for ever."""

from typing import Final, final

from app.core.pool.signed import SignedBytes
from app.server.storage.database import Database, Value
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("checkpoints")


@final
class Checkpoints:
    """The checkpoints of one host. Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, number: int, signed: SignedBytes) -> None:
        """One more; `number` is the next."""
        await self._database.write(_SQL["add"], number, signed.body, signed.signature)

    async def last(self) -> SignedBytes | None:
        """The newest; None before the first."""
        rows = await self._database.read(_SQL["last"])
        return _signed(rows[0]) if rows else None

    async def all(self) -> tuple[SignedBytes, ...]:
        """Every one, in order: for an audit."""
        rows = await self._database.read(_SQL["all"])
        return tuple(_signed(row) for row in rows)


def _signed(row: tuple[Value, ...]) -> SignedBytes:
    body, signature = row
    assert isinstance(body, bytes) and isinstance(signature, bytes)
    return SignedBytes(body, signature)
