"""The identities that hold of books after every command, and commands by chance to try them."""

from collections import Counter

from hypothesis import strategies as st

from app.core.base.ids import AccountId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import FEES, FUND, MINT, SALES, LedgerAccount, debt, user
from app.core.ledger.books import Books
from app.core.ledger.changes import Changes
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
    Transfer,
    Void,
)

USERS = [user(AccountId(name)) for name in ("alice", "bob", "carol")]
BEGIN = 1_790_000_000 * SECOND
MINUTE = 60 * SECOND
IDS = [EventId(f"e{number}") for number in range(60)]
"""Few, so that chance gives one twice."""


def check(books: Books, at: Microseconds) -> None:
    """Raises AssertionError where an identity does not hold."""
    assert sum(books.balances.values()) == 0
    held: Counter[str] = Counter()
    for hold in books.open_holds.values():
        assert hold.state == "open"
        for part in hold.parts:
            assert part.amount > 0
            held[part.lot] += part.amount
    for account, balance in books.balances.items():
        if account.has_lots:
            lots = list(books.lots_of(account))
            assert balance == sum(lot.balance for lot in lots) >= 0
            assert all(lot.reserved == held[lot.id] for lot in lots)
            free = sum(lot.free(at) for lot in lots)
            assert free <= balance - books.held(account)
            owed = -books.balance(debt(AccountId(account.owner)))
            assert books.available(account, at) == max(0, free - owed)
        if account.kind == "debt":
            assert balance <= 0


class Naive:
    """Balances as nothing but the sum of all entries that were ever made."""

    def __init__(self) -> None:
        self.balances: Counter[LedgerAccount] = Counter()
        self.lots: Counter[LotId] = Counter()
        self.held: Counter[LotId] = Counter()

    def take(self, changes: Changes) -> None:
        assert sum(entry.amount for entry in changes.entries) == 0
        for account, lot, amount, _ in changes.entries:
            self.balances[account] += amount
            if lot is not None:
                self.lots[lot] += amount
        for lot, amount in changes.reservations:
            self.held[lot] += amount

    def check(self, books: Books) -> None:
        assert +self.balances + -self.balances == +Counter(books.balances) + -Counter(
            books.balances
        )
        for lot, balance in self.lots.items():
            found = books.lot(lot)
            assert found is not None
            assert (found.balance, found.reserved) == (balance, self.held[lot])


_ids = st.sampled_from(IDS)
_users = st.sampled_from(USERS)
_amounts = st.integers(0, 500).map(Micros)
_times = st.builds(
    lambda minutes: Microseconds(BEGIN + minutes * MINUTE), st.integers(0, 3 * 24 * 60)
)
_spans = st.sampled_from([0, MINUTE, 60 * MINUTE]).map(Microseconds)


@st.composite
def _settlements(draw: st.DrawFn) -> Settle:
    payer, worker = draw(_users), draw(_users)
    charge, insured, fee = draw(_amounts), draw(_amounts), draw(st.integers(0, 50))
    fee = min(fee, charge)
    lines = [
        Posting(payer, Micros(-charge)),
        Posting(worker, Micros(charge - fee + insured), 0),
        Posting(FEES, Micros(fee)),
        Posting(FUND, Micros(-insured)),
    ]
    return Settle(
        id=draw(_ids),
        at=draw(_times),
        hold=draw(_ids),
        postings=tuple(line for line in lines if line.amount),
    )


@st.composite
def _transfers(draw: st.DrawFn) -> Transfer:
    payee = draw(st.sampled_from([*USERS, *USERS, FEES]))
    source = draw(st.sampled_from(["granted", "earned", "bought"])) if payee.has_lots else None
    ends = draw(st.none() | _times) if payee.has_lots else None
    return Transfer(
        id=draw(_ids),
        at=draw(_times),
        payer=draw(st.sampled_from([MINT, MINT, SALES, *USERS])),
        payee=payee,
        amount=draw(_amounts),
        source=source,
        expires_at=ends,
        is_transferable=draw(st.booleans()) if payee.has_lots else True,
    )


def commands() -> st.SearchStrategy[AnyCommand]:
    """Any command; most are possible, none is well behaved."""
    holds = st.fixed_dictionaries({"id": _ids, "at": _times, "hold": _ids})
    least = st.none() | st.integers(0, 20).map(Micros)
    lots = st.fixed_dictionaries({"id": _ids, "at": _times, "lot": _ids.map(LotId)})
    return st.one_of(
        _transfers(),
        _transfers(),
        st.builds(
            Reserve,
            id=_ids,
            at=_times,
            account=_users,
            amount=_amounts,
            timeout=_spans,
            least=least,
        ),
        st.builds(
            Extend, id=_ids, at=_times, hold=_ids, amount=_amounts, timeout=_spans, least=least
        ),
        _settlements(),
        _settlements(),
        holds.map(lambda fields: Void(**fields)),
        holds.map(lambda fields: Expire(**fields)),
        st.builds(Clawback, id=_ids, at=_times, lot=_ids.map(LotId), amount=_amounts),
        lots.map(lambda fields: Lapse(**fields)),
    )
