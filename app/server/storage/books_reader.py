"""Books reader: what the books say, for pages and answers; committed truth, nothing under way."""

from pathlib import Path
from typing import Final, NamedTuple, final

from app.core.base.ids import AccountId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import AccountKind, LedgerAccount
from app.core.ledger.changes import Hold
from app.core.ledger.commands import EventId, LotId, Source
from app.core.ledger.lots import Lot, earnings_lot
from app.server.storage.books_rows import BookRows, account_in
from app.server.storage.books_schema import connect_copy, connect_reader
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("books_reader")

_NO_EVENT: Final = 2**62


class Balance(NamedTuple):
    """An account at one moment, in micros. Of others than users only `balance` means something."""

    balance: Micros
    held: Micros
    available: Micros
    """What can be held or spent: what is free and not owed."""
    owed: Micros


class LotRow(NamedTuple):
    """A lot as its owner sees it."""

    id: LotId
    source: Source
    balance: Micros
    held: Micros
    opened_at: Microseconds
    expires_at: Microseconds | None
    is_transferable: bool


class StatementRow(NamedTuple):
    """One posting of an account with what it was for."""

    event: int
    id: EventId
    kind: str
    at: Microseconds
    about: str
    amount: Micros
    attempt: int | None
    source: str | None


class Parties(NamedTuple):
    """Whose credits a hold moved."""

    payer: AccountId | None
    """None: there is no such hold."""
    earners: dict[int, AccountId]
    """Attempt -> who was paid for it, when the hold was settled."""


class Flow(NamedTuple):
    """What came in and went out of an account in a time, both above zero."""

    received: Micros
    given: Micros
    events: int


@final
class BooksReader:
    """A connection that only reads; one thread at a time."""

    def __init__(self, path: Path, *, is_copied: bool = False) -> None:
        """`is_copied`: of what the file holds now, without a trace beside it; see connect_copy."""
        self._connection = connect_copy(path) if is_copied else connect_reader(path)
        self._rows = BookRows(self._connection)

    def balance(self, account: LedgerAccount, now: Microseconds) -> Balance:
        """That account; zeros where nothing was ever posted to it."""
        row = self._connection.execute(_SQL["balance"], (now, *account)).fetchone()
        return Balance(*map(Micros, (0, 0, 0, 0))) if row is None else _balance(*row)

    def balances(self, kind: AccountKind, now: Microseconds) -> list[tuple[LedgerAccount, Balance]]:
        """Every account of a kind."""
        rows = self._connection.execute(_SQL["balances"], (now, kind))
        return [(account_in(of, owner), _balance(*amounts)) for of, owner, *amounts in rows]

    def hold(self, hold: EventId) -> Hold | None:
        """The hold of that id, ended or not."""
        return self._rows.hold(hold)

    def paid(self, hold: EventId) -> dict[int, Micros]:
        """Attempt -> what its worker earned when that hold was settled."""
        rows = self._connection.execute(_SQL["paid"], (hold,))
        return {attempt: Micros(amount) for attempt, amount in rows}

    def parties(self, hold: EventId) -> Parties:
        """Who paid and who earned by that hold; nobody where there never was one."""
        row = self._connection.execute(_SQL["payer"], (hold,)).fetchone()
        earners = self._connection.execute(_SQL["earners"], (hold,))
        return Parties(
            payer=None if row is None else AccountId(row[0]),
            earners={attempt: AccountId(owner) for attempt, owner in earners},
        )

    def charged(self, hold: EventId) -> Micros:
        """What its account paid when that hold was settled; 0 where it never was."""
        ((amount,),) = self._connection.execute(_SQL["charged"], (hold,)).fetchall()
        return Micros(amount)

    def lots(self, account: LedgerAccount) -> list[LotRow]:
        """Filled lots, in the order of spending."""
        books = self._rows.lots_of(account)
        return [_lot_row(lot) for lot in sorted(books, key=lambda lot: lot.order)]

    def lot(self, lot: LotId) -> Lot | None:
        """The lot of that id, empty or not."""
        return self._rows.lot(lot)

    def statement(
        self, account: LedgerAccount, before: int | None, limit: int
    ) -> list[StatementRow]:
        """Newest first."""
        last = _NO_EVENT if before is None else before
        rows = self._connection.execute(_SQL["statement"], (*account, last, limit))
        return [StatementRow(*row) for row in rows]

    def flow(self, account: LedgerAccount, since: Microseconds, until: Microseconds) -> Flow:
        """Sums of a time."""
        row = self._connection.execute(_SQL["flow"], (since, until, *account)).fetchone()
        return Flow(*row)

    def earned_in_day(self, account: LedgerAccount, at: Microseconds) -> Micros:
        """What came into the lot of that day's earnings."""
        lot = self._rows.lot(earnings_lot(account, at))
        return Micros(0 if lot is None else lot.received)

    def due(self, now: Microseconds, limit: int) -> tuple[list[EventId], list[LotId]]:
        """Open holds and filled lots whose time has come; see `Hold.is_due` for the second half."""
        holds = self._connection.execute(_SQL["holds_due"], (now, limit))
        lots = self._connection.execute(_SQL["lots_due"], (now, limit))
        return [row[0] for row in holds], [row[0] for row in lots]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _balance(balance: int, held: int, available: int, owed: int) -> Balance:
    return Balance(Micros(balance), Micros(held), Micros(max(0, available)), Micros(owed))


def _lot_row(lot: Lot) -> LotRow:
    return LotRow(
        lot.id,
        lot.source,
        Micros(lot.balance),
        Micros(lot.reserved),
        lot.opened_at,
        lot.expires_at,
        lot.is_transferable,
    )
