"""Books: all balances, lots and holds at one moment, and how a decision changes them.

    decision = apply(books, command)

`decide` (decide.py) reads the books and changes nothing; `take` changes them and decides nothing.
The database's writer does the first, writes the changes down, then does the second.

With an `Archive` the books hold what is alive and ask it for the rest: ended holds, empty lots, ids
of events. Without one they remember everything, as simulations and tests want.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, final

from app.core.base.ids import AccountId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import LedgerAccount, debt
from app.core.ledger.changes import Changes, Hold, Recorded
from app.core.ledger.commands import EventId, LotId
from app.core.ledger.lots import Lot


class Archive(Protocol):
    """What was, and is not kept in memory."""

    def recorded(self, event: EventId) -> Recorded | None:
        """The event with that id."""

    def hold(self, hold: EventId) -> Hold | None:
        """The hold with that id, ended or not."""

    def lot(self, lot: LotId) -> Lot | None:
        """The lot with that id, empty or not."""


@final
class Books:
    """One set of books. Not for two threads at once."""

    def __init__(
        self,
        *,
        balances: Mapping[LedgerAccount, int] | None = None,
        lots: Iterable[Lot] = (),
        holds: Iterable[Hold] = (),
        archive: Archive | None = None,
    ) -> None:
        self._balances = dict(balances or {})
        self._lots: dict[LotId, Lot] = {}
        self._filled: dict[LedgerAccount, dict[LotId, Lot]] = {}
        self._holds = {hold.id: hold for hold in holds}
        self._open = {hold.id: hold for hold in self._holds.values() if hold.state == "open"}
        self._events: dict[EventId, Recorded] = {}
        self._archive = archive
        for lot in lots:
            self._keep(lot)

    @property
    def balances(self) -> Mapping[LedgerAccount, int]:
        """Every account that anything was ever posted to."""
        return self._balances

    @property
    def open_holds(self) -> Mapping[EventId, Hold]:
        """The holds that have not ended."""
        return self._open

    def balance(self, account: LedgerAccount) -> Micros:
        """All that is in an account, held credits too."""
        return Micros(self._balances.get(account, 0))

    def available(self, account: LedgerAccount, at: Microseconds) -> Micros:
        """What a user can hold or spend at that time: what is free and not owed."""
        free = sum(lot.free(at) for lot in self.lots_of(account))
        return Micros(max(0, free - self.owed(account)))

    def owed(self, account: LedgerAccount) -> Micros:
        """What a user owes the pool, above zero."""
        return Micros(-self.balance(debt(AccountId(account.owner))))

    def held(self, account: LedgerAccount) -> Micros:
        """What a user has in holds."""
        return Micros(sum(lot.reserved for lot in self.lots_of(account)))

    def lots_of(self, account: LedgerAccount) -> Iterable[Lot]:
        """The lots of a user that are not empty, in no order. Not to be changed."""
        return self._filled.get(account, {}).values()

    def lot(self, lot: LotId) -> Lot | None:
        """That lot. Not to be changed."""
        return self._lots.get(lot) or (self._archive.lot(lot) if self._archive else None)

    def hold(self, hold: EventId) -> Hold | None:
        """That hold, ended or not."""
        return self._holds.get(hold) or (self._archive.hold(hold) if self._archive else None)

    def recorded(self, event: EventId) -> Recorded | None:
        """What is known of an event with that id."""
        known = self._events.get(event)
        return known or (self._archive.recorded(event) if self._archive else None)

    def take(self, changes: Changes) -> None:
        """Be as after those changes."""
        for lot in changes.opened:
            self._lots[lot.id] = lot
        touched: set[LotId] = set()
        for account, lot_id, amount, _ in changes.entries:
            self._balances[account] = self._balances.get(account, 0) + amount
            if lot_id is not None:
                lot = self._ensure(lot_id)
                lot.balance += amount
                lot.received += max(amount, 0)
                touched.add(lot_id)
        for lot_id, amount in changes.reservations:
            self._ensure(lot_id).reserved += amount
            touched.add(lot_id)
        event = changes.event
        if event.lot is not None:
            self._ensure(event.lot).returned += event.amount
            touched.add(event.lot)
        for lot_id in touched:
            self._keep(self._lots[lot_id])
        if changes.hold is not None:
            self._note_hold(changes.hold)
        if self._archive is None:
            self._events[event.id] = Recorded(event.fingerprint, event.amount)

    def _ensure(self, lot_id: LotId) -> Lot:
        """The lot, in memory from now on."""
        if lot_id not in self._lots:
            lot = self.lot(lot_id)
            assert lot is not None, "changes name only lots that there are"
            self._lots[lot_id] = lot
        return self._lots[lot_id]

    def _keep(self, lot: Lot) -> None:
        """Remember a lot where it belongs: an empty one is no more looked at."""
        assert 0 <= lot.reserved <= lot.balance, "a lot never holds more than is in it"
        if lot.balance:
            self._lots[lot.id] = lot
            self._filled.setdefault(lot.account, {})[lot.id] = lot
            return
        self._filled.get(lot.account, {}).pop(lot.id, None)
        if self._archive is None:
            self._lots[lot.id] = lot
        else:
            self._lots.pop(lot.id, None)

    def _note_hold(self, hold: Hold) -> None:
        is_open = hold.state == "open"
        if is_open:
            self._open[hold.id] = hold
        else:
            self._open.pop(hold.id, None)
        if is_open or self._archive is None:
            self._holds[hold.id] = hold
        else:
            self._holds.pop(hold.id, None)
