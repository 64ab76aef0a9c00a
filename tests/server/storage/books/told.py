"""Commands in short words, and books in a file as a test wants them."""

from pathlib import Path

from app.core.base.ids import AccountId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import FEES, MINT, LedgerAccount, user
from app.core.ledger.commands import AnyCommand, EventId, Posting, Reserve, Settle, Transfer, Void
from app.core.ledger.result import Outcome, Result
from app.server.storage.books_store import BooksStore

ALICE, BOB = user(AccountId("alice")), user(AccountId("bob"))
NOW = Microseconds(1_790_000_000 * SECOND)
MINUTE = Microseconds(60 * SECOND)


def grant(name: str, amount: int, account: LedgerAccount = ALICE) -> Transfer:
    return Transfer(
        id=EventId(name),
        at=NOW,
        payer=MINT,
        payee=account,
        amount=Micros(amount),
        source="granted",
    )


def reserve(name: str, amount: int, account: LedgerAccount = ALICE) -> Reserve:
    return Reserve(id=EventId(name), at=NOW, account=account, amount=Micros(amount), timeout=MINUTE)


def settle(name: str, hold: str, charge: int) -> Settle:
    """Alice pays Bob, a tenth for the pool."""
    lines = ((ALICE, -charge), (BOB, charge - charge // 10), (FEES, charge // 10))
    return Settle(
        id=EventId(name),
        at=NOW,
        hold=EventId(hold),
        postings=tuple(Posting(account, Micros(amount)) for account, amount in lines if amount),
    )


def void(name: str, hold: str) -> Void:
    return Void(id=EventId(name), at=NOW, hold=EventId(hold))


def a_life(jobs: int = 4) -> list[AnyCommand]:
    """A grant and some jobs of every end."""
    told: list[AnyCommand] = [grant("grant", 10_000)]
    for job in range(jobs):
        told.append(reserve(f"hold-{job}", 500))
        told.append(void(f"end-{job}", f"hold-{job}") if job % 3 == 2
                    else settle(f"end-{job}", f"hold-{job}", 100 + job))  # fmt: skip
    return [*told, reserve("left-open", 700)]


def tell(store: BooksStore, *commands: AnyCommand) -> list[Outcome]:
    """The outcomes, all of them in one commit."""
    outcomes = store.execute(commands)
    assert all(isinstance(outcome, Outcome) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Outcome)]


def tell_all_well(store: BooksStore, *commands: AnyCommand) -> None:
    for command, outcome in zip(commands, tell(store, *commands), strict=True):
        assert outcome.result in (Result.DONE, Result.EXISTS), (command, outcome)


def file_with_a_life(folder: Path) -> Path:
    """Books in which something happened, closed."""
    path = folder / "books.db"
    store = BooksStore.open(path)
    tell_all_well(store, *a_life())
    store.close()
    return path
