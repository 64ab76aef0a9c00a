"""Mirror: the node's own double entry of what it earned and spent, per pool.

The same books as a host's, in a file of their own. They are written when a verdict was checked or
a cost is known; a settlement that comes twice is in them once, as it came first.
"""

import asyncio
from pathlib import Path
from typing import Final, final

from app.core.base.ids import JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.ledger import accounts
from app.core.ledger.accounts import LedgerAccount
from app.core.ledger.commands import EventId, Transfer
from app.core.ledger.result import Result
from app.server.storage.books import Bookkeeper

_ABOUT: Final = "job"


@final
class Mirror:
    """Opened when it is needed first: a node without a pool has no books."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._books: Bookkeeper | None = None
        self._turn = asyncio.Lock()

    async def earned(
        self, pool: PoolId, job: JobId, attempt: int, amount: Micros, at: Microseconds
    ) -> None:
        """An attempt was settled."""
        event = EventId(f"earned/{pool}/{attempt}/{job}")
        await self._move(event, accounts.pool(pool), accounts.earned(pool), amount, at)

    async def spent(self, pool: PoolId, job: JobId, amount: Micros, at: Microseconds) -> None:
        """The cost of an ask is known."""
        event = EventId(f"spent/{pool}/{job}")
        await self._move(event, accounts.spent(pool), accounts.pool(pool), amount, at)

    async def totals(self, pool_id: PoolId, now: Microseconds) -> tuple[Micros, Micros]:
        """All that was ever earned and spent in a pool."""
        books = await self._open()
        got = await books.balance(accounts.earned(pool_id), now)
        gone = await books.balance(accounts.spent(pool_id), now)
        return Micros(got.balance), Micros(-gone.balance)

    async def close(self) -> None:
        """Nothing may be asked after it."""
        if self._books is not None:
            await self._books.close()

    async def _move(
        self,
        event: EventId,
        payer: LedgerAccount,
        payee: LedgerAccount,
        amount: Micros,
        at: Microseconds,
    ) -> None:
        if amount <= 0:
            return
        books = await self._open()
        command = Transfer(id=event, at=at, payer=payer, payee=payee, amount=amount, about=_ABOUT)
        outcome = await books.submit(command)
        # Another amount than the first time: the first stands, and `Kept.verify` says so.
        is_known = outcome.result is Result.EXISTS_WITH_DIFFERENT_FIELDS
        assert outcome.result.is_in_books or is_known, outcome.result.name

    async def _open(self) -> Bookkeeper:
        async with self._turn:
            if self._books is None:
                self._books = await Bookkeeper.open(self._path)
            return self._books
