"""Books store: the books in a file, command after command, several to a commit.

A commit waits for the disk; so all commands that are waiting go into one. What is answered is on
the disk. What failed left nothing: the transaction is rolled back, the books are read again.

Used by one thread at a time. Another program may write to the same books in between: each batch
looks whether the file went on without it, and reads the books again if so.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Self, final

from app.core.ledger.books import Books
from app.core.ledger.commands import AnyCommand
from app.core.ledger.decide import decide
from app.core.ledger.result import Outcome
from app.server.storage.books_rows import BookRows
from app.server.storage.books_schema import connect, translated
from app.server.storage.database import BUSY_SECONDS

Broken = sqlite3.IntegrityError | AssertionError
"""A rule that does not hold: never the asker's fault."""


@final
class BooksStore:
    """An open file of books."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._rows = BookRows(connection)
        self._books: Books | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> Self:
        """The books at `path`, made if absent. `factory`: a connection that sees its statements.

        Raises: DatabaseUnusable, DiskFull, Busy.
        """
        connection = connect(path, busy_seconds=busy_seconds, factory=factory)
        return cls(path, connection)

    def execute(self, commands: Sequence[AnyCommand]) -> list[Outcome | Broken]:
        """The outcome of each, in order, once all of them are on the disk.

        One that breaks a rule of the file or of the core, which only a bug or a damaged file can
        do, is left out and has its error; the others are carried out.
        Raises: DatabaseUnusable, DiskFull, Busy, and then none of them was carried out.
        """
        try:
            return list(self._commit(commands))
        except (sqlite3.IntegrityError, AssertionError) as error:
            if len(commands) == 1:
                return [error]
            return [self.execute([command])[0] for command in commands]
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def close(self) -> None:
        """Close the file. Nothing may be asked after it."""
        self._connection.close()

    def _commit(self, commands: Sequence[AnyCommand]) -> list[Outcome]:
        # IMMEDIATE takes the write lock now: a deferred one could fail half way.
        self._connection.execute("begin immediate")
        try:
            books = self._current_books()
            outcomes = []
            for command in commands:
                decision = decide(books, command)
                if decision.changes is not None:
                    self._rows.write(decision.changes)
                    books.take(decision.changes)
                outcomes.append(decision.outcome)
            self._connection.execute("commit")
        except BaseException:
            # What the books in memory have taken is not on the disk.
            self._books = None
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise
        return outcomes

    def _current_books(self) -> Books:
        """The books as the file has them, read again where they are not those in memory."""
        if self._books is None or self._rows.last_event_in_file() != self._rows.last_event:
            self._books = self._rows.load()
        return self._books
