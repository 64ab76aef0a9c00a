"""A ledger to talk to in tests: commands by short words, each with a fresh id and a set clock."""

from itertools import count

from app.core.base.ids import AccountId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import FEES, FUND, MINT, SALES, LedgerAccount, debt, user
from app.core.ledger.books import Books
from app.core.ledger.commands import (
    AnyCommand,
    Clawback,
    EventId,
    Expire,
    Extend,
    Lapse,
    LotId,
    Posting,
    Reserve,
    Settle,
    Source,
    Transfer,
    Void,
)
from app.core.ledger.decide import apply
from app.core.ledger.result import Outcome, Result

ALICE, BOB = user(AccountId("alice")), user(AccountId("bob"))
BEGIN = Microseconds(1_790_000_000 * SECOND)
MINUTE = Microseconds(60 * SECOND)


class Ledger:
    """Pure books with a clock. Each word below gives the outcome of its command."""

    def __init__(self) -> None:
        self.books = Books()
        self.now = BEGIN
        self._numbers = count()

    def tell(self, command: AnyCommand) -> Outcome:
        return apply(self.books, command).outcome

    def later(self, microseconds: int) -> None:
        self.now = Microseconds(self.now + microseconds)

    def give(
        self,
        account: LedgerAccount,
        amount: int,
        source: Source = "granted",
        *,
        lot: str = "",
        ends_after: int | None = None,
        is_transferable: bool = True,
    ) -> LotId:
        """The lot that came of credits from mint, sales or the fund."""
        payer = {"bought": SALES, "granted": MINT}.get(source, FUND)
        name = self._id(lot)
        outcome = self.tell(
            Transfer(
                id=name,
                at=self.now,
                payer=payer,
                payee=account,
                amount=Micros(amount),
                source=source,
                expires_at=None if ends_after is None else Microseconds(self.now + ends_after),
                is_transferable=is_transferable,
            )
        )
        assert outcome.result is Result.DONE, outcome
        return LotId(name)

    def send(self, payer: LedgerAccount, payee: LedgerAccount, amount: int) -> Outcome:
        source: Source | None = "granted" if payee.has_lots else None
        return self.tell(
            Transfer(
                id=self._id(),
                at=self.now,
                payer=payer,
                payee=payee,
                amount=Micros(amount),
                source=source,
            )
        )

    def reserve(
        self, hold: str, account: LedgerAccount, amount: int, *, least: int | None = None
    ) -> Outcome:
        return self.tell(
            Reserve(
                id=EventId(hold),
                at=self.now,
                account=account,
                amount=Micros(amount),
                least=None if least is None else Micros(least),
                timeout=MINUTE,
            )
        )

    def extend(self, hold: str, amount: int, *, least: int | None = None) -> Outcome:
        return self.tell(
            Extend(
                id=self._id(),
                at=self.now,
                hold=EventId(hold),
                amount=Micros(amount),
                least=None if least is None else Micros(least),
                timeout=MINUTE,
            )
        )

    def settle(
        self, hold: str, payer: LedgerAccount, charge: int, worker: LedgerAccount = BOB
    ) -> Outcome:
        """A tenth of the charge is the pool's fee."""
        fee = charge // 10
        lines = ((payer, -charge), (worker, charge - fee), (FEES, fee))
        postings = tuple(Posting(account, Micros(amount)) for account, amount in lines if amount)
        return self.post(hold, *postings)

    def post(self, hold: str, *postings: Posting) -> Outcome:
        return self.tell(
            Settle(id=self._id(), at=self.now, hold=EventId(hold), postings=tuple(postings))
        )

    def void(self, hold: str) -> Outcome:
        return self.tell(Void(id=self._id(), at=self.now, hold=EventId(hold)))

    def expire(self, hold: str) -> Outcome:
        return self.tell(Expire(id=self._id(), at=self.now, hold=EventId(hold)))

    def claw_back(self, lot: LotId, amount: int) -> Outcome:
        return self.tell(Clawback(id=self._id(), at=self.now, lot=lot, amount=Micros(amount)))

    def lapse(self, lot: LotId) -> Outcome:
        return self.tell(Lapse(id=self._id(), at=self.now, lot=lot))

    def has(self, account: LedgerAccount) -> int:
        return self.books.balance(account)

    def free(self, account: LedgerAccount) -> int:
        return self.books.available(account, self.now)

    def owes(self, account: LedgerAccount) -> int:
        return -self.books.balance(debt(AccountId(account.owner)))

    def in_lot(self, lot: LotId) -> int:
        found = self.books.lot(lot)
        assert found is not None
        return found.balance

    def _id(self, name: str = "") -> EventId:
        return EventId(name or f"event-{next(self._numbers)}")
