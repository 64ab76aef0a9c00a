"""Jobs as tests want them: round prices, so that a reader can do the sums."""

from hypothesis import strategies as st

from app.core.base.ids import AccountId
from app.core.base.units import Micros
from app.core.ledger.accounts import FUND, LedgerAccount, user
from app.core.ledger.pricing import Prices, Shares
from app.core.ledger.settlement import Settlement
from app.core.ledger.work import Attempt, End, Job, Reported

PAYER, ANNA, BEN = AccountId("payer"), AccountId("anna"), AccountId("ben")
PRICES = Prices(input=Micros(1_000_000), cached_input=Micros(100_000), output=Micros(4_000_000))
"""A micro for a token of prompt, a tenth for a cached one, four for one of the answer."""
SHARES = Shares(worker=80, fee=15, fund=5)
HELD = Micros(1_000_000)


def job(**changes: object) -> Job:
    fields: dict[str, object] = {
        "payer": PAYER,
        "prices": PRICES,
        "shares": SHARES,
        "prompt": 100,
        "undelivered_max": 20,
    }
    return Job(**(fields | changes))  # type: ignore[arg-type]


def honest(number: int, worker: AccountId, first: int, end: int, **changes: object) -> Attempt:
    """An attempt with a receipt that says what the host counted."""
    fields: dict[str, object] = {
        "counted": end - first,
        "reported": Reported(prompt=100, answer=end - first),
        "is_prefilled": True,
    }
    return Attempt(number=number, worker=worker, first=first, end=end, **(fields | changes))  # type: ignore[arg-type]


def vanished(
    number: int, worker: AccountId, first: int, end: int, *, told_cached: int | None = 0
) -> Attempt:
    """An attempt whose worker was lost: no receipt came."""
    return Attempt(
        number=number,
        worker=worker,
        first=first,
        end=end,
        counted=end - first,
        told_cached=told_cached,
    )


def sums(settlement: Settlement) -> dict[LedgerAccount, int]:
    """What each account gets, or gives below zero."""
    found: dict[LedgerAccount, int] = {}
    for posting in settlement.postings:
        found[posting.account] = found.get(posting.account, 0) + posting.amount
    return found


def earned(settlement: Settlement, worker: AccountId) -> int:
    return sums(settlement).get(user(worker), 0)


def fund(settlement: Settlement) -> int:
    return sums(settlement).get(FUND, 0)


def prices() -> st.SearchStrategy[Prices]:
    micros = st.integers(0, 10_000_000).map(Micros)
    return st.builds(Prices, input=micros, cached_input=micros, output=micros)


@st.composite
def shares(draw: st.DrawFn) -> Shares:
    worker = draw(st.integers(0, 100))
    fee = draw(st.integers(0, 100 - worker))
    return Shares(worker=worker, fee=fee, fund=100 - worker - fee)


COUNTS = st.integers(0, 300)
REPORTS = st.none() | st.builds(Reported, prompt=COUNTS, cached=COUNTS, answer=COUNTS)


@st.composite
def any_attempts(draw: st.DrawFn) -> tuple[Attempt, ...]:
    """Also such as contradict themselves or claim the same tokens."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        first = draw(COUNTS)
        found.append(
            Attempt(
                number=number,
                worker=draw(st.sampled_from([PAYER, ANNA, BEN])),
                first=first,
                end=first + draw(COUNTS),
                counted=draw(st.none() | COUNTS),
                reported=draw(REPORTS),
                told_cached=draw(st.none() | COUNTS),
                is_prefilled=draw(st.booleans()),
                undelivered=draw(COUNTS),
            )
        )
    return tuple(found)


@st.composite
def honest_attempts(draw: st.DrawFn) -> tuple[Attempt, ...]:
    """Strangers who take over from each other, some of whom vanish."""
    found, first = [], 0
    for number in range(draw(st.integers(1, 4))):
        end = first + draw(COUNTS)
        worker = draw(st.sampled_from([ANNA, BEN]))
        made = honest(number, worker, first, end)
        found.append(vanished(number, worker, first, end) if draw(st.booleans()) else made)
        first = end
    return tuple(found)


@st.composite
def any_jobs(draw: st.DrawFn) -> Job:
    return Job(
        payer=PAYER,
        prices=draw(prices()),
        shares=draw(shares()),
        prompt=draw(st.none() | COUNTS),
        is_embedding=draw(st.booleans()),
        accepts_partial=draw(st.booleans()),
        undelivered_max=draw(st.integers(0, 50)),
    )


ENDS = st.sampled_from(End)
