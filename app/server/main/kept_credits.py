"""Kept credits: what the node keeps of its pool, looked at while no server runs.

The files are copied into memory under the server's lock, which takes a moment, and read there:
nothing of them is changed, migrated or made, and a server may start as soon as they are copied. A
file of another version is refused with a sentence.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar, final

from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger import accounts
from app.server.identity.keys import DeviceKey
from app.server.main.lock_file import LockFile
from app.server.node.pool.kept import Kept, last_joined, no_pool
from app.server.storage.books_reader import BooksReader
from app.server.storage.database import Database, DatabaseUnusable
from app.server.storage.memberships import Memberships
from app.server.storage.pool_asks import PoolAsks, PoolDays
from app.server.storage.pool_receipts import PoolReceipts
from app.settings.load import load_settings
from app.settings.paths import Paths
from app.wire.pool_local import DayList, PoolExport, ReceiptList, VerifyAnswer

_T = TypeVar("_T")
_NOTHING: Final = Micros(0)


@final
class KeptCredits:
    """The calls that a client has for the same. Each reads the files anew.

    Each raises AlreadyServing where a server holds the files after all, RequestError where no pool
    was ever joined, DatabaseUnusable.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def credit_days(self, count: int) -> DayList:
        """The last days on which something happened, newest first. Raises: SettingsInvalid too."""
        pool = load_settings(self._paths.config_file, os.environ, {}).settings.pool

        def offset_at(at: Microseconds) -> int:
            return time.localtime(at // SECOND).tm_gmtoff

        return DayList(days=self._asked(lambda kept: kept.days(count, offset_at, pool)))

    def credit_receipts(self, count: int) -> ReceiptList:
        """The last jobs, newest first."""
        return ReceiptList(receipts=self._asked(lambda kept: kept.receipts(count)))

    def verify_credits(self) -> VerifyAnswer:
        """Everything signed that the node keeps, checked."""
        return self._asked(lambda kept: kept.verify(_now()))

    def export_credits(self) -> PoolExport:
        """Everything signed, as it was signed."""
        return self._asked(lambda kept: kept.export())

    def _asked(self, ask: Callable[[Kept], Coroutine[None, None, _T]]) -> _T:
        async def asked() -> _T:
            async with self._kept() as kept:
                return await ask(kept)

        return asyncio.run(asked())

    @asynccontextmanager
    async def _kept(self) -> AsyncGenerator[Kept, None]:
        paths = self._paths
        with contextlib.ExitStack() as stack:
            with self._locked():
                if not paths.database.exists():
                    raise no_pool()
                database = await Database.open_copy(paths.database)
                try:
                    books = _Books(paths)
                except BaseException:
                    await database.close()
                    raise
            stack.callback(books.close)
            async with database:
                known = last_joined(await Memberships.open(database))
                yield Kept(
                    known,
                    await PoolReceipts.open(database, known.pool),
                    asks=await PoolAsks.open(database),
                    days=PoolDays(database),
                    books=books,
                    device=lambda: _device(paths),
                )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """No server begins to write meanwhile. Where there is no lock file none has ever run."""
        with contextlib.ExitStack() as stack:
            # Where the file may only be read, as in a copy on another disk, nobody can serve.
            with contextlib.suppress(OSError):
                if self._paths.lock_file.exists():
                    stack.callback(LockFile.take(self._paths.lock_file).close)
            yield


@final
class _Books:
    """See Totals."""

    def __init__(self, paths: Paths) -> None:
        # They are made when the first job is booked.
        self._reader = BooksReader(paths.books, is_copied=True) if paths.books.exists() else None

    async def totals(self, pool_id: PoolId, now: Microseconds) -> tuple[Micros, Micros]:
        """All that was ever earned and spent in a pool."""
        if self._reader is None:
            return _NOTHING, _NOTHING
        got = self._reader.balance(accounts.earned(pool_id), now)
        gone = self._reader.balance(accounts.spent(pool_id), now)
        return Micros(got.balance), Micros(-gone.balance)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _device(paths: Paths) -> DeviceId:
    try:
        return DeviceKey.read(paths.device_key_file).device
    except FileNotFoundError:
        raise DatabaseUnusable(
            f"this machine's key is not in {paths.device_key_file}, and its receipts name it",
            remedy="Bring the file back from a copy of that folder.",
        ) from None


def _now() -> Microseconds:
    return Microseconds(time.time_ns() * SECOND // 1_000_000_000)
