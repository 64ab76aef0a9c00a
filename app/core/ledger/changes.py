"""Changes: what a command does to the books, as plain values; the database writes just these.

An event is for ever: a row with its entries, which sum to zero, and its reservations. Balances of
accounts and lots, and what is held, are sums over them and can be rebuilt at any time.
"""

from typing import Literal, NamedTuple, final

import msgspec

from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import LedgerAccount
from app.core.ledger.commands import EventId, LotId
from app.core.ledger.lots import Lot
from app.core.ledger.result import Outcome

EventKind = Literal[
    "transfer", "reserve", "extend", "settle", "void", "expire", "clawback", "lapse"
]
HoldState = Literal["open", "posted", "voided", "expired"]


class Entry(NamedTuple):
    """An account, and of a user's the lot, gets `amount` or gives it where that is negative."""

    account: LedgerAccount
    lot: LotId | None
    amount: Micros
    attempt: int | None


class Reservation(NamedTuple):
    """So much of a lot is held from now on, or is no more where it is negative."""

    lot: LotId
    amount: Micros


@final
class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One command that was carried out."""

    id: EventId
    kind: EventKind
    at: Microseconds
    fingerprint: bytes
    """32 bytes: of all fields of the command but its time."""
    amount: Micros
    """That of the outcome."""
    hold: EventId | None = None
    lot: LotId | None = None
    """That which credits were taken back from."""
    about: str = ""


@final
class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Credits of a user that are kept for one job, by the lots that they lie in."""

    id: EventId
    account: LedgerAccount
    ends_at: Microseconds
    timeout: Microseconds
    claim: Microseconds
    state: HoldState = "open"
    parts: tuple[Reservation, ...] = ()
    """One a lot, in the order of their ids, each above zero; none once it is closed."""
    granted: Micros = Micros(0)
    """All that was ever held by it: the most that a late claim may take."""
    closed_at: Microseconds | None = None
    about: str = ""

    @property
    def amount(self) -> Micros:
        """What it holds now."""
        return Micros(sum(part.amount for part in self.parts))

    def is_due(self, at: Microseconds) -> bool:
        """Whether it expires at that time: also when the clock went back further than it lasts.

        Without the latter a clock that was a year ahead for a minute would hold credits for it.
        """
        return at >= self.ends_at or at < self.ends_at - 2 * self.timeout

    def is_claimable(self, at: Microseconds) -> bool:
        """Whether it expired and may still be settled."""
        return self.closed_at is not None and at < self.closed_at + self.claim


class Recorded(NamedTuple):
    """What the books know of an event that was carried out."""

    fingerprint: bytes
    amount: Micros


@final
class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """All that one command changes."""

    event: Event
    entries: tuple[Entry, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    """Of the event's hold."""
    opened: tuple[Lot, ...] = ()
    """New lots, still empty."""
    hold: Hold | None = None
    """The event's hold as it is from now on."""


class Decision(NamedTuple):
    """The end of a command, and what it changes: None where that is nothing."""

    outcome: Outcome
    changes: Changes | None
