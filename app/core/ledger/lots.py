"""Lots: credits that came together and are spent, taken back and end together.

A user's credits lie in lots, so that it is known at any time which of them were bought: a
chargeback takes those and no others. Spending takes grants first, since they end, and what was
bought last, since it can be paid back.
"""

from typing import Final, final, get_args

import msgspec

from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import FEES, FUND, MINT, SALES, LedgerAccount
from app.core.ledger.commands import TIME_MAX, LotId, Source

SOURCES: Final[tuple[Source, ...]] = get_args(Source)

ORIGIN: Final[dict[Source, LedgerAccount]] = {
    "granted": MINT,
    "earned": FUND,
    "commission": FEES,
    "refunded": FUND,
    "bought": SALES,
}
"""To whom credits go back that are taken back."""

_ORDER: Final = {source: place for place, source in enumerate(SOURCES)}
_DAY: Final = 86_400 * SECOND


@final
class Lot(msgspec.Struct, kw_only=True):
    """One lot. Mutable: only `Books.take` and a draft's own copies change."""

    id: LotId
    account: LedgerAccount
    source: Source
    opened_at: Microseconds
    expires_at: Microseconds | None = None
    is_transferable: bool = True
    balance: int = 0
    """Micros in it, held ones too."""
    reserved: int = 0
    """Of those, in holds."""
    received: int = 0
    """Micros that were ever put in."""
    returned: int = 0
    """Of those, taken back or lapsed."""

    def free(self, at: Microseconds) -> Micros:
        """What can be held or spent at that time."""
        return Micros(0 if self.has_ended(at) else self.balance - self.reserved)

    def has_ended(self, at: Microseconds) -> bool:
        """Whether its end has come."""
        return self.expires_at is not None and at >= self.expires_at

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Place in the order of spending: by source, then what ends first, then the oldest."""
        end = TIME_MAX if self.expires_at is None else self.expires_at
        return _ORDER[self.source], end, self.opened_at, self.id


def earnings_lot(account: LedgerAccount, at: Microseconds) -> LotId:
    """The lot of what an account earns in the day of `at`, in UTC: a year has 365 and no more.

    An id that is given by an asker has no blanks, so it cannot be one of these.
    """
    return LotId(f"earned {account.owner} {at // _DAY}")
