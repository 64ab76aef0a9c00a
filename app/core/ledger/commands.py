"""Commands: all that can be asked of the books.

Each carries the id that its asker gave it. Giving the same command again is the way to find out
after a lost answer: the same id with the same fields is EXISTS, with others it is refused. `at`,
the time at which it is asked, is no part of that: who asks again asks later.

A hold is reserve, then any number of extensions, then exactly one of settle, void and expire. It
is named by the id of its reservation. Source of the shape: TigerBeetle, "Two-phase transfers".
"""

from typing import Final, Literal, NewType, final

import msgspec

from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import LedgerAccount

EventId = NewType("EventId", str)
"""Given by the asker; unique in one set of books for ever."""
LotId = NewType("LotId", str)
"""A transfer's lot has the id of the transfer; what was earned in a day lies in one lot."""

ID_LENGTH_MAX: Final = 200
AMOUNT_MAX: Final = Micros(10**15)
"""A thousand million credits in one event; sums of thousands of those fit into 64 bits."""
BALANCE_MAX: Final = Micros(2**62)
TIME_MAX: Final = Microseconds(253_402_300_800 * SECOND)
"""The year 10000."""
POSTINGS_MAX: Final = 1_000
CLAIM_MICROSECONDS: Final = 24 * 3600 * SECOND
"""How long after its expiry a hold may be claimed late: a night without network."""

Source = Literal["granted", "earned", "commission", "refunded", "bought"]
"""Where the credits of a lot came from; spent in this order."""


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base: id and time. `at` is microseconds since 1970, by the asker's clock."""

    id: EventId
    at: Microseconds


@final
class Transfer(Command, frozen=True, kw_only=True, omit_defaults=True, tag="transfer"):
    """Move credits at once: a grant is from `MINT`, a purchase from `SALES`, a refund from `FUND`.

    What comes to a user makes a lot, so it needs a `source`; what comes to others has none.
    Credits go from user to user only out of lots that are transferable.
    """

    payer: LedgerAccount
    payee: LedgerAccount
    amount: Micros
    source: Source | None = None
    expires_at: Microseconds | None = None
    """The lot cannot be spent from then on; None: never."""
    is_transferable: bool = True
    about: str = ""
    """An order, a job, a reason in one word: for whoever reads the books."""


@final
class Reserve(Command, frozen=True, kw_only=True, omit_defaults=True, tag="reserve"):
    """Hold credits of a user for a job that will cost at most that. 0 is a hold too.

    With `least` what is available is held, as long as that is no less; the outcome says how much.
    """

    account: LedgerAccount
    amount: Micros
    timeout: Microseconds
    """Microseconds from now after which the hold expires."""
    least: Micros | None = None
    claim: Microseconds = Microseconds(CLAIM_MICROSECONDS)
    """Microseconds after expiry in which a late settlement is still taken."""
    about: str = ""


@final
class Extend(Command, frozen=True, kw_only=True, omit_defaults=True, tag="extend"):
    """Hold more for the same job, and for `timeout` microseconds from now."""

    hold: EventId
    amount: Micros
    timeout: Microseconds
    least: Micros | None = None


@final
class Posting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a settlement: an account gets `amount`, or gives it where that is negative."""

    account: LedgerAccount
    amount: Micros
    attempt: int | None = None
    """Of the job, for whose work this is."""


@final
class Settle(Command, frozen=True, kw_only=True, omit_defaults=True, tag="settle"):
    """End a hold by paying from it; what is left over is the payer's again.

    `postings` are those of `settlement.settle`: they sum to zero, and of users only the payer
    gives. A hold that expired can be settled for a while; what the payer no longer has then, the
    fund gives.
    """

    hold: EventId
    postings: tuple[Posting, ...]


@final
class Void(Command, frozen=True, kw_only=True, omit_defaults=True, tag="void"):
    """End a hold without a charge."""

    hold: EventId


@final
class Expire(Command, frozen=True, kw_only=True, omit_defaults=True, tag="expire"):
    """End a hold whose deadline has passed."""

    hold: EventId


@final
class Clawback(Command, frozen=True, kw_only=True, omit_defaults=True, tag="clawback"):
    """Take credits back where they came from: a chargeback, a grant that was a mistake.

    The lot itself gives what is free in it; the rest becomes a debt of its owner, which takes
    whatever becomes available to that owner first.
    """

    lot: LotId
    amount: Micros
    about: str = ""


@final
class Lapse(Command, frozen=True, kw_only=True, omit_defaults=True, tag="lapse"):
    """Return to the mint what is free in a lot whose end has come."""

    lot: LotId


AnyCommand = Transfer | Reserve | Extend | Settle | Void | Expire | Clawback | Lapse
