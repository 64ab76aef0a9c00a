"""Rows of the books: changes written down, and books, holds and lots read back.

Rule: a posting or reservation stands before its event, and what is released before what is paid out
of it; the triggers of sql/books refuse another order.
"""

import sqlite3
from typing import Final, final

from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import KINDS, AccountKind, LedgerAccount
from app.core.ledger.books import Books
from app.core.ledger.changes import Changes, Hold, HoldState, Recorded, Reservation
from app.core.ledger.commands import EventId, LotId, Source
from app.core.ledger.lots import SOURCES, Lot
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("books_rows")

LOTS_KEPT: Final = 100_000
"""Numbers of lots that are remembered; others are asked for."""


class RowUnreadable(ValueError):
    """A row holds what the books never write."""


@final
class BookRows:
    """The books' rows in one database, and the numbers by which they name each other.

    Also the archive of `Books`: what was, read back by its id. One thread at a time.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._accounts: dict[LedgerAccount, int] = {}
        self._lots: dict[LotId, int] = {}
        self._holds: dict[EventId, int] = {}
        self._event = 0

    @property
    def last_event(self) -> int:
        """Number of the last event that these rows know of."""
        return self._event

    def last_event_in_file(self) -> int:
        """Number of the last event in the file: another one if somebody else wrote."""
        ((number,),) = self._connection.execute(_SQL["last_event"]).fetchall()
        return int(number)

    def load(self) -> Books:
        """The books as the file has them, with these rows for an archive."""
        run = self._connection.execute
        self._event = self.last_event_in_file()
        self._accounts, balances = {}, {}
        for number, kind, owner, balance in run(_SQL["accounts"]):
            account = account_in(kind, owner)
            self._accounts[account] = number
            balances[account] = balance
        lots = run(_SQL["filled_lots"]).fetchall()
        holds = run(_SQL["open_holds"]).fetchall()
        self._lots = {LotId(row[0]): row[-1] for row in lots}
        self._holds = {EventId(row[0]): row[-1] for row in holds}
        return Books(
            balances=balances,
            lots=map(_lot, lots),
            holds=[self._hold(row) for row in holds],
            archive=self,
        )

    def recorded(self, event: EventId) -> Recorded | None:
        """The event with that id."""
        row = self._connection.execute(_SQL["event"], (event,)).fetchone()
        return None if row is None else Recorded(*row)

    def hold(self, hold: EventId) -> Hold | None:
        """The hold with that id, ended or not."""
        row = self._connection.execute(_SQL["hold"], (hold,)).fetchone()
        return None if row is None else self._hold(row)

    def lot(self, lot: LotId) -> Lot | None:
        """The lot with that id, empty or not."""
        row = self._connection.execute(_SQL["lot"], (lot,)).fetchone()
        return None if row is None else _lot(row)

    def lots_of(self, account: LedgerAccount) -> list[Lot]:
        """The lots of a user that are not empty."""
        return [_lot(row) for row in self._connection.execute(_SQL["filled_lots_of"], account)]

    def write(self, changes: Changes) -> None:
        """Put an event and all that belongs to it into the file, within the open transaction."""
        run, event = self._connection.execute, changes.event
        number = self._event + 1
        for lot in changes.opened:
            self._open_lot(lot)
        hold = None
        if changes.hold is not None:
            hold = self._hold_number(changes.hold, is_new=event.kind == "reserve")
            if changes.reservations:
                self._connection.executemany(
                    _SQL["add_reservation"],
                    [(hold, number, self._lot_number(r.lot), r.amount)
                     for r in changes.reservations],
                )  # fmt: skip
            if event.kind != "reserve":
                run(
                    _SQL["change_hold"],
                    (changes.hold.state, changes.hold.ends_at, changes.hold.timeout,
                     changes.hold.closed_at, hold),
                )  # fmt: skip
        if changes.entries:
            self._connection.executemany(
                _SQL["add_posting"],
                [(number, place, self._account_number(account),
                  None if lot_id is None else self._lot_number(lot_id), attempt, amount)
                 for place, (account, lot_id, amount, attempt) in enumerate(changes.entries)],
            )  # fmt: skip
        run(
            _SQL["add_event"],
            (number, event.id, event.kind, event.at, event.fingerprint, event.amount, hold,
             None if event.lot is None else self._lot_number(event.lot), event.about),
        )  # fmt: skip
        self._event = number
        if len(self._lots) > LOTS_KEPT:
            self._lots.clear()
        if changes.hold is not None and changes.hold.state != "open":
            self._holds.pop(changes.hold.id, None)

    def _account_number(self, account: LedgerAccount) -> int:
        if account not in self._accounts:
            cursor = self._connection.execute(_SQL["add_account"], account)
            self._accounts[account] = _inserted(cursor)
        return self._accounts[account]

    def _open_lot(self, lot: Lot) -> None:
        cursor = self._connection.execute(
            _SQL["add_lot"],
            (lot.id, self._account_number(lot.account), lot.source, lot.opened_at,
             lot.expires_at, lot.is_transferable),
        )  # fmt: skip
        self._lots[lot.id] = _inserted(cursor)

    def _lot_number(self, lot: LotId) -> int:
        if lot not in self._lots:
            ((number,),) = self._connection.execute(_SQL["lot_number"], (lot,)).fetchall()
            self._lots[lot] = number
        return self._lots[lot]

    def _hold_number(self, hold: Hold, *, is_new: bool) -> int:
        if is_new:
            cursor = self._connection.execute(
                _SQL["add_hold"],
                (hold.id, self._account_number(hold.account), hold.ends_at, hold.timeout,
                 hold.claim, hold.about),
            )  # fmt: skip
            self._holds[hold.id] = _inserted(cursor)
        elif hold.id not in self._holds:
            ((number,),) = self._connection.execute(_SQL["hold_number"], (hold.id,)).fetchall()
            self._holds[hold.id] = number
        return self._holds[hold.id]

    def _hold(self, row: tuple[object, ...]) -> Hold:
        name, kind, owner, ends, timeout, claim, state, granted, closed, about, number = row
        parts = (
            self._connection.execute(_SQL["parts_of_hold"], (number,)) if state == "open" else ()
        )
        assert isinstance(ends, int) and isinstance(timeout, int) and isinstance(claim, int)
        assert isinstance(granted, int) and (closed is None or isinstance(closed, int))
        return Hold(
            id=EventId(str(name)),
            account=account_in(kind, owner),
            ends_at=Microseconds(ends),
            timeout=Microseconds(timeout),
            claim=Microseconds(claim),
            state=_state(state),
            parts=tuple(Reservation(LotId(lot), Micros(amount)) for lot, amount in parts),
            granted=Micros(granted),
            closed_at=None if closed is None else Microseconds(closed),
            about=str(about),
        )


_STATES: Final[tuple[HoldState, ...]] = ("open", "posted", "voided", "expired")


def account_in(kind: object, owner: object) -> LedgerAccount:
    """The account that a row names. Raises: RowUnreadable."""
    found: AccountKind | None = next((known for known in KINDS if known == kind), None)
    if found is None or not isinstance(owner, str):
        raise RowUnreadable(f"{kind!r} is no kind of account")
    return LedgerAccount(found, owner)


def _state(state: object) -> HoldState:
    for known in _STATES:
        if known == state:
            return known
    raise RowUnreadable(f"{state!r} is no state of a hold")


def _source(source: object) -> Source:
    for known in SOURCES:
        if known == source:
            return known
    raise RowUnreadable(f"{source!r} is no source of credits")


def _inserted(cursor: sqlite3.Cursor) -> int:
    number = cursor.lastrowid
    assert number is not None, "a row was just inserted"
    return number


def _lot(row: tuple[object, ...]) -> Lot:
    name, kind, owner, source, opened, expires, transferable, *amounts, _ = row
    assert isinstance(opened, int) and (expires is None or isinstance(expires, int))
    balance, reserved, received, returned = (
        amount for amount in amounts if isinstance(amount, int)
    )
    return Lot(
        id=LotId(str(name)),
        account=account_in(kind, owner),
        source=_source(source),
        opened_at=Microseconds(opened),
        expires_at=None if expires is None else Microseconds(expires),
        is_transferable=bool(transferable),
        balance=balance,
        reserved=reserved,
        received=received,
        returned=returned,
    )
