"""A writer of books that is killed by SIGKILL at its n-th statement, for every n.

    python -m tests.server.storage.books.dying_writer FOLDER

For each n a child of this process makes books, lives `a_life` in them and is killed before, or
after, its n-th statement; making the schema counts. Then the file is opened again: the audit is
clean, what was answered is there, and telling everything once more ends in the books that nobody
interrupted. Prints how many children were killed.
"""

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from app.core.ledger.books import Books
from app.core.ledger.commands import AnyCommand
from app.core.ledger.decide import apply
from app.server.storage.books_audit import audit
from app.server.storage.books_store import BooksStore
from tests.server.storage.books.told import a_life, tell_all_well

BATCH = 3


def killed_at(limit: int, *, is_after: bool) -> type[sqlite3.Connection]:
    """A connection that ends its process by SIGKILL around its `limit`-th statement."""
    numbers = count(1)

    def around(run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        is_last = next(numbers) == limit
        if is_last and not is_after:
            os.kill(os.getpid(), signal.SIGKILL)
        cursor = run()
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return cursor

    class Dying(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            return around(lambda: sqlite3.Connection.execute(self, *arguments))

        def executemany(self, *arguments: Any) -> sqlite3.Cursor:
            return around(lambda: sqlite3.Connection.executemany(self, *arguments))

    return Dying


def live(path: Path, factory: type[sqlite3.Connection], answered: int) -> None:
    """Tell a life in batches, and to the descriptor `answered` how many commands were answered."""
    store = BooksStore.open(path, factory=factory)
    told = a_life()
    for start in range(0, len(told), BATCH):
        batch = told[start : start + BATCH]
        tell_all_well(store, *batch)
        os.write(answered, bytes([len(batch)]))
    store.close()


def dies(path: Path, factory: type[sqlite3.Connection]) -> tuple[bool, int]:
    """Whether a child that lives there was killed, and how many commands it had answers to."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        live(path, factory, writing)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answered = sum(pipe.read())
    _, status = os.waitpid(child, 0)
    was_killed = os.WIFSIGNALED(status)
    assert was_killed or os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return was_killed, answered


def check(path: Path, told: list[AnyCommand], answered: int, whole: Books) -> None:
    """Raises AssertionError where something was lost, doubled or left half."""
    store = BooksStore.open(path)
    found = audit(path)
    assert found.is_clean, found.findings
    books = store._rows.load()
    there = [books.recorded(command.id) is not None for command in told]
    assert all(there[:answered]), "what was answered is on the disk"
    assert there == sorted(there, reverse=True), "nothing is there without what came before it"

    tell_all_well(store, *told)

    books = store._rows.load()
    assert books.balances == whole.balances and books.open_holds == whole.open_holds
    assert audit(path).is_clean
    store.close()


def main(folder: Path) -> None:
    whole, told = Books(), a_life()
    for command in told:
        apply(whole, command)
    killed = 0
    for is_after in (False, True):
        for limit in count(1):
            place = folder / f"{limit}-{is_after}"
            place.mkdir()
            was_killed, answered = dies(place / "books.db", killed_at(limit, is_after=is_after))
            check(place / "books.db", told, answered, whole)
            shutil.rmtree(place)
            if not was_killed:
                break
            killed += 1
    print(killed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
