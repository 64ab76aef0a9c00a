"""Posting: the only arithmetic on money.

A draft collects what one command changes, on copies of the lots that it touches, and can be thrown
away. Laws: entries sum to zero; no lot falls below what is held of it; a debt takes what becomes
available to its owner before the owner can.

Rule: every sum here is an int of micros. A refusal is a Result; an exception is a bug.
"""

from typing import Final, final

import msgspec

from app.core.base.ids import AccountId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import LedgerAccount, debt
from app.core.ledger.books import Books
from app.core.ledger.changes import Changes, Entry, Event, Hold, Reservation
from app.core.ledger.commands import BALANCE_MAX, LotId, Source
from app.core.ledger.lots import Lot, earnings_lot

ZERO: Final = Micros(0)


@final
class Draft:
    """What a command would change in `books` at a time."""

    def __init__(self, books: Books, at: Microseconds) -> None:
        self._books = books
        self._at = at
        self._lots: dict[LotId, Lot] = {}
        self._opened: list[Lot] = []
        self._entries: list[Entry] = []
        self._reservations: list[Reservation] = []
        self._sums: dict[LedgerAccount, int] = {}

    def available(self, account: LedgerAccount) -> Micros:
        """What a user can hold or spend, after what the draft has so far."""
        return Micros(max(0, self._free(account) - self._owed(account)))

    def post(
        self,
        account: LedgerAccount,
        amount: Micros,
        *,
        lot: LotId | None = None,
        attempt: int | None = None,
    ) -> None:
        """One entry; zero is none."""
        assert (lot is not None) == account.has_lots
        if amount:
            self._entries.append(Entry(account, lot, amount, attempt))
            self._sums[account] = self._sums.get(account, 0) + amount
            if lot is not None:
                copied = self.lot(lot)
                copied.balance += amount
                copied.received += max(amount, 0)

    def spend(self, account: LedgerAccount, amount: Micros, *, is_gift: bool = False) -> list[Lot]:
        """Take from a user's free credits in the order of spending; the lots that gave some.

        A gift comes out of transferable lots alone. There must be enough.
        """
        gave: list[Lot] = []
        left = int(amount)
        for lot in self._in_order(account):
            part = min(left, lot.free(self._at)) if lot.is_transferable or not is_gift else 0
            if part:
                self.post(account, Micros(-part), lot=lot.id)
                gave.append(lot)
                left -= part
        assert left == 0, "what is spent was found to be available"
        return gave

    def transferable(self, account: LedgerAccount) -> Micros:
        """Of what is available, what may go to another user."""
        lots = self._lots_of(account)
        fit = sum(lot.free(self._at) for lot in lots if lot.is_transferable)
        return Micros(min(fit, self.available(account)))

    def open_lot(
        self,
        lot: LotId,
        account: LedgerAccount,
        source: Source,
        *,
        expires_at: Microseconds | None = None,
        is_transferable: bool = True,
    ) -> None:
        """A new and empty lot of a user."""
        made = Lot(
            id=lot,
            account=account,
            source=source,
            opened_at=self._at,
            expires_at=expires_at,
            is_transferable=is_transferable,
        )
        self._opened.append(made)
        self._lots[lot] = msgspec.structs.replace(made)

    def earn(self, account: LedgerAccount, amount: Micros, attempt: int | None) -> None:
        """Credits into what a user earned today."""
        lot = earnings_lot(account, self._at)
        if amount and lot not in self._lots and self._books.lot(lot) is None:
            self.open_lot(lot, account, "earned")
        self.post(account, amount, lot=lot, attempt=attempt)

    def hold(self, account: LedgerAccount, amount: Micros) -> list[Reservation]:
        """Hold that much of a user's free credits, in the order of spending."""
        made: list[Reservation] = []
        left = int(amount)
        for lot in self._in_order(account) if left else ():
            part = min(left, lot.free(self._at))
            if part:
                made.append(self._reserve(self.lot(lot.id), part))
                left -= part
        assert left == 0, "what is held was found to be available"
        return made

    def release(self, hold: Hold, *, charge: Micros = ZERO) -> None:
        """End all that is held by `hold`, and post `charge` of it out of the lots, in order."""
        left = int(charge)
        for part in sorted(hold.parts, key=lambda part: self.lot(part.lot).order):
            lot = self.lot(part.lot)
            self._reserve(lot, -part.amount)
            taken = min(left, part.amount)
            self.post(hold.account, Micros(-taken), lot=lot.id)
            left -= taken
        assert left == 0, "a charge was found to be within its hold"

    def pay_debts(self, *accounts: LedgerAccount) -> None:
        """Let the debts of these users take what is free to them."""
        for account in accounts:
            if paid := min(self._owed(account), self._free(account)):
                self.spend(account, Micros(paid))
                self.post(debt(AccountId(account.owner)), Micros(paid))

    def lot(self, lot: LotId) -> Lot:
        """The draft's own copy of a lot that there is."""
        if lot not in self._lots:
            found = self._books.lot(lot)
            assert found is not None
            self._lots[lot] = msgspec.structs.replace(found)
        return self._lots[lot]

    @property
    def fits(self) -> bool:
        """Whether no balance passes what the database can count."""
        return all(
            abs(self._books.balance(account) + change) <= BALANCE_MAX
            for account, change in self._sums.items()
        )

    def changes(self, event: Event, hold: Hold | None = None) -> Changes:
        """All of it, for good."""
        assert sum(self._sums.values()) == 0, "what one gets another gives"
        return Changes(
            event=event,
            entries=tuple(self._entries),
            reservations=tuple(self._reservations),
            opened=tuple(self._opened),
            hold=hold,
        )

    def _reserve(self, lot: Lot, amount: int) -> Reservation:
        made = Reservation(lot.id, Micros(amount))
        lot.reserved += amount
        assert 0 <= lot.reserved <= lot.balance
        self._reservations.append(made)
        return made

    def _free(self, account: LedgerAccount) -> int:
        return sum(lot.free(self._at) for lot in self._lots_of(account))

    def _owed(self, account: LedgerAccount) -> int:
        owes = debt(AccountId(account.owner))
        return -(self._books.balance(owes) + self._sums.get(owes, 0))

    def _lots_of(self, account: LedgerAccount) -> list[Lot]:
        """The lots that are not empty, as the draft has them; to be read, and changed by id."""
        found = {lot.id: lot for lot in self._books.lots_of(account)}
        found |= {lot.id: lot for lot in self._lots.values() if lot.account == account}
        return list(found.values())

    def _in_order(self, account: LedgerAccount) -> list[Lot]:
        return sorted(self._lots_of(account), key=lambda lot: lot.order)
