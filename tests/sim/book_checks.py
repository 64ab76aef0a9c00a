"""Invariants 1, 2 and 12: the books beside a second set that is nothing but sums.

Each command is looked at as it is written, so that they hold after every step.
"""

from collections import Counter

from app.core.ledger.accounts import LedgerAccount
from app.core.ledger.changes import Changes, Decision, Hold, HoldState
from app.core.ledger.commands import TIME_MAX, AnyCommand, EventId, Extend, LotId, Reserve
from app.core.ledger.result import Outcome, Result
from tests.core.ledger.identities import Naive
from tests.core.ledger.identities import check as check_identities
from tests.sim.clock import SECOND
from tests.sim.host import SimHost

OVERDUE_MAX = 3 * SECOND
"""The host looks at its holds each second, and a write takes a moment."""

NEXT: dict[HoldState | None, set[HoldState]] = {
    None: {"open"},
    "open": {"open", "posted", "voided", "expired"},
    "expired": {"posted"},
}
"""What may become of a hold: it ends once, and one that expired may be claimed once."""


class BookChecks:
    """Hears of every command, and looks after every step."""

    def __init__(self, host: SimHost) -> None:
        self.host = host
        self.naive = Naive()
        self._held: Counter[LedgerAccount] = Counter()
        self._owner: dict[LotId, LedgerAccount] = {}
        self._states: dict[EventId, HoldState] = {}
        self._due_since: dict[EventId, int] = {}
        self._none_due = (0, 0)
        """From when until when no hold is due."""
        self._changed = -1
        host.disk.on_write = self.written

    def written(self, command: AnyCommand, decision: Decision) -> None:
        """1, 2, 12: every event sums to zero, a hold ends once, what is reserved is there."""
        if isinstance(command, Reserve | Extend):
            self._check_reservation(command, decision.outcome)
        if decision.changes is not None:
            self._take(decision.changes)

    def after_step(self) -> None:
        """1, 2: the books are the sums of all that was written, and no hold outlasts its time."""
        is_changed = self.host.disk.changed != self._changed
        low, high = self._none_due
        if is_changed or self._due_since or not low <= self.host.now < high:
            self._check_due()
        if not is_changed:
            return
        self._changed = self.host.disk.changed
        books = self.host.disk.books
        for account, balance in books.balances.items():
            assert balance == self.naive.balances[account], f"1: {account} has {balance}"
            if account.has_lots:
                lots = sum(lot.balance for lot in books.lots_of(account))
                assert balance == lots, f"1: {account} has {balance}, and {lots} in its lots"
        check_identities(books, self.host.now)
        for account, held in self._held.items():
            assert 0 <= held <= self.naive.balances[account], f"2: {account} has {held} in holds"
        open_ = {name for name, state in self._states.items() if state == "open"}
        assert open_ == set(books.open_holds), "2: a hold was lost, or is held twice"

    def _check_reservation(self, command: Reserve | Extend, outcome: Outcome) -> None:
        """12: it succeeds exactly if the balance covers it, beside all that is held already."""
        account = self._account_of(command)
        if account is None:
            return
        free = self.naive.balances[account] - self._held[account]
        least = command.amount if command.least is None else command.least
        if outcome.result is Result.DONE:
            assert free >= least, f"12: {command.id} holds {outcome.amount}, and {free} is free"
            assert outcome.amount == min(command.amount, free), f"12: {command.id} holds too much"
        elif outcome.result is Result.INSUFFICIENT_CREDITS:
            assert free < least, f"12: {command.id} wants {least}, has {free} and is refused"

    def _account_of(self, command: Reserve | Extend) -> LedgerAccount | None:
        if isinstance(command, Reserve):
            return command.account
        hold = self.host.disk.books.hold(command.hold)
        return None if hold is None else hold.account

    def _take(self, changes: Changes) -> None:
        self.naive.take(changes)
        for account, lot, _, _ in changes.entries:
            if lot is not None:
                self._owner[lot] = account
        for lot, amount in changes.reservations:
            self._held[self._owner[lot]] += amount
        if changes.hold is not None:
            self._take_hold(changes.hold)

    def _take_hold(self, hold: Hold) -> None:
        before = self._states.get(hold.id)
        assert hold.state in NEXT.get(before, set()), f"2: {hold.id} was {before}, is {hold.state}"
        assert hold.state == "open" or not hold.parts, f"2: {hold.id} is over and still holds"
        self._states[hold.id] = hold.state

    def _check_due(self) -> None:
        """2: a hold whose time is over ends at once, as soon as the host can write it down."""
        host, holds = self.host, self.host.disk.books.open_holds
        if not host.is_up or host.disk.is_full:
            self._due_since = {}
            return
        self._due_since = {name: at for name, at in self._due_since.items() if name in holds}
        self._none_due = (
            max((hold.ends_at - 2 * hold.timeout for hold in holds.values()), default=0),
            min((hold.ends_at for hold in holds.values()), default=TIME_MAX),
        )
        for name, hold in holds.items():
            if not hold.is_due(host.now):
                self._due_since.pop(name, None)
                continue
            since = self._due_since.setdefault(name, host.clock.now)
            assert host.clock.now - since <= OVERDUE_MAX, f"2: {name} is held past its time"
