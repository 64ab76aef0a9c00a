"""Books in a file and books in memory: the same commands, the same outcomes, the same books."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.base.units import Microseconds
from app.core.ledger.accounts import LedgerAccount
from app.core.ledger.books import Books
from app.core.ledger.changes import Hold
from app.core.ledger.commands import AnyCommand
from app.core.ledger.decide import apply
from app.core.ledger.lots import Lot
from app.server.storage.books_audit import audit
from app.server.storage.books_reader import BooksReader
from app.server.storage.books_store import BooksStore
from tests.core.ledger.identities import BEGIN, IDS, MINUTE, USERS, commands
from tests.server.storage.books.told import tell

MOMENTS = st.integers(0, 3 * 24 * 60).map(lambda minutes: Microseconds(BEGIN + minutes * MINUTE))


class SameAsPure(RuleBasedStateMachine):
    """Two stores take turns at one file, and are closed and opened in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "books.db"
        self.stores = [BooksStore.open(self.path), BooksStore.open(self.path)]
        self.pure = Books()

    @rule(told=st.lists(commands(), min_size=1, max_size=12), turn=st.integers(0, 1))
    def tell(self, told: list[AnyCommand], turn: int) -> None:
        expected = [apply(self.pure, command).outcome for command in told]

        assert tell(self.stores[turn], *told) == expected

    @rule(turn=st.integers(0, 1))
    def open_again(self, turn: int) -> None:
        self.stores[turn].close()
        self.stores[turn] = BooksStore.open(self.path)

    @rule(now=MOMENTS)
    def read(self, now: Microseconds) -> None:
        reader = BooksReader(self.path)
        for account in USERS:
            balance = reader.balance(account, now)
            assert balance.balance == self.pure.balance(account)
            assert balance.held == self.pure.held(account)
            assert balance.available == self.pure.available(account, now)
            assert balance.owed == self.pure.owed(account)
            in_memory = {lot.id: lot.balance for lot in self.pure.lots_of(account)}
            assert {lot.id: lot.balance for lot in reader.lots(account)} == in_memory
        holds, _ = reader.due(now, 1_000)
        assert set(holds) == {h.id for h in self.pure.open_holds.values() if h.is_due(now)}
        reader.close()

    @invariant()
    def the_audit_is_clean(self) -> None:
        found = audit(self.path)
        assert found.is_clean and found.seen == found.matched, found.findings

    def teardown(self) -> None:
        self.stores[0].close()
        loaded = self.stores[1]._rows.load()
        # A hold of nothing has a row for its account in the file, and no balance in memory.
        assert _not_empty(loaded) == _not_empty(self.pure)
        assert loaded.open_holds == self.pure.open_holds
        for name in IDS:
            assert _hold(loaded, name) == _hold(self.pure, name)
            assert _lot(loaded, name) == _lot(self.pure, name)
            assert loaded.recorded(name) == self.pure.recorded(name)
        self.stores[1].close()
        shutil.rmtree(self.folder)


def _not_empty(books: Books) -> dict[LedgerAccount, int]:
    return {account: balance for account, balance in books.balances.items() if balance}


def _hold(books: Books, name: str) -> Hold | None:
    return books.hold(name)  # type: ignore[arg-type]


def _lot(books: Books, name: str) -> Lot | None:
    return books.lot(name)  # type: ignore[arg-type]


TestSameAsPure = SameAsPure.TestCase
# Not shrunk: that takes minutes here, and a run of twenty steps can be read.
TestSameAsPure.settings = settings(
    max_examples=25, stateful_step_count=20, phases=(Phase.explicit, Phase.generate)
)
