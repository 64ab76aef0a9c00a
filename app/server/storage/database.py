"""Database: one SQLite file, one connection, one writer at a time.

WAL, foreign keys on, every table STRICT. There are two schemas: the node's is the numbered files
in sql/, the host's those in sql/host/. Number n brings `user_version` from n - 1 to n, in one
transaction each; `application_id` says whose file it is. A released file is never edited.

Rule: SQL stands in this folder and nowhere else in the program; all but what belongs to a
connection (pragmas, the bounds of a transaction) in .sql files.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, final

import aiosqlite

from app.core.base.errors import AthanorError
from app.server.storage.unwritable import Unwritable

Value = str | bytes | int | float | None
Statement = tuple[str, tuple[Value, ...]]
"""SQL and its values."""

Schema = Literal["node", "host"]
"""Whose tables a file has. A node and a host on one machine have a file each."""

_APPLICATION_IDS: Final[dict[Schema, int]] = {"node": 0, "host": 0x61746870}
"""In the header of the file: "athp" is a host's; the node's first files said nothing."""

BUSY_SECONDS: Final = 5.0
"""How long to wait for another process that writes, such as somebody's sqlite3 shell."""


class DatabaseUnusable(AthanorError):
    """The file cannot be opened, is damaged, or was written by a newer version."""


@final
class Database:
    """An open database; used by one event loop. `async with await Database.open(path)`."""

    def __init__(self, connection: aiosqlite.Connection, schema: Schema) -> None:
        self._connection = connection
        self._schema = schema
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, schema: Schema = "node", *, is_durable: bool = False) -> Self:
        """The database at `path`, created if absent, with the newest form of `schema`.

        `is_durable`: what was written survives a power cut, at the price of waiting for the disk
        in every transaction. Raises: DatabaseUnusable.
        """
        try:
            path.touch(mode=0o600)  # noqa: ASYNC240  # once, at start
        except OSError as error:
            raise _closed_to_us(path, error.strerror or "") from error
        # Asked before SQLite is, which cannot say why it failed: the thread of a connection that
        # could not be opened outlives the loop and cries on stderr. Nor is the file opened here to
        # see: closing it would end the locks of other connections of this process.
        if not (path.is_file() and os.access(path, os.R_OK | os.W_OK)):  # noqa: ASYNC240  # likewise
            raise _closed_to_us(path, "no file that may be read and written")
        try:
            connection = await aiosqlite.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        database = cls(connection, schema)
        # NORMAL loses at most the last writes on a power cut, never the file's integrity.
        synchronous = f"synchronous = {'full' if is_durable else 'normal'}"
        try:
            # What is dropped, such as an address after its days, is to be gone from the file too.
            erasing = "secure_delete = on"
            for pragma in ("journal_mode = wal", "foreign_keys = on", synchronous, erasing):
                await connection.execute(f"pragma {pragma}")
            await database._migrate(path)
        except sqlite3.Error as error:
            await connection.close()
            raise _unusable(path, error) from error
        except BaseException:
            await connection.close()
            raise
        return database

    @classmethod
    async def open_copy(cls, path: Path, schema: Schema = "node") -> Self:
        """What the file holds now, in memory: nothing is made or migrated, nothing can be written.

        For a process that does not own the file; nobody may write it until this returns.
        Raises: DatabaseUnusable, as for a file of an older version or a newer one.
        """
        connection = await aiosqlite.connect(":memory:", isolation_level=None)
        database = cls(connection, schema)
        try:
            async with aiosqlite.connect(address_to_read(path), uri=True) as file:
                await file.backup(connection)
            await database._check_newest(path)
            await connection.execute("pragma query_only = on")
        except sqlite3.Error as error:
            await connection.close()
            raise _unusable(path, error) from error
        except BaseException:
            await connection.close()
            raise
        return database

    async def read(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """All rows of a query, outside any transaction that is being written."""
        async with self._lock:
            return [tuple(row) for row in await self._connection.execute_fetchall(sql, values)]

    async def write(self, sql: str, *values: Value) -> int:
        """Rows changed by one statement, in a transaction of its own. Raises: Unwritable."""
        async with self._writing():
            cursor = await self._connection.execute(sql, values)
            return cursor.rowcount

    async def write_many(self, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """One statement for each row, all or none. Raises: Unwritable."""
        async with self._writing():
            await self._connection.executemany(sql, rows)

    async def write_all(self, statements: Sequence[Statement]) -> list[int]:
        """Rows changed by each of several statements, in one transaction, all or none.

        Raises: Unwritable.
        """
        async with self._writing():
            return [
                (await self._connection.execute(sql, values)).rowcount for sql, values in statements
            ]

    async def close(self) -> None:
        """Close the file. Nothing may be asked after it."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        try:
            async with self._transaction():
                yield
        except sqlite3.IntegrityError:
            raise  # A rule of the tables is broken: no wait would mend that.
        except sqlite3.Error as error:
            raise Unwritable(f"the database cannot be written: {error}") from error

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._lock:
            try:
                # IMMEDIATE takes the write lock now: a deferred one could fail half way.
                await self._connection.execute("begin immediate")
                yield
                await self._commit()
            except BaseException:
                # Whoever was cancelled while it began, or could not commit, would leave it open,
                # and nobody could write any more. This comes after what the connection's thread
                # still does, and is nothing where SQLite has rolled back by itself.
                await self._connection.rollback()
                raise

    async def _commit(self) -> None:
        """What was written is on the disk. Who is cancelled meanwhile hears of it at the next wait.

        SQLite commits all the same, and whoever heard of the cancellation here would take back in
        memory what is on the disk.
        """
        cancelled = list[asyncio.CancelledError]()
        async with asyncio.TaskGroup() as group:
            committing = group.create_task(self._try_commit(), name="commit")
            while not committing.done():
                try:
                    await asyncio.wait({committing})
                except asyncio.CancelledError as error:
                    cancelled.append(error)
        task = asyncio.current_task()
        for each in cancelled:
            assert task is not None
            # Counted once, as before: a timeout knows its own cancellation by the count.
            task.uncancel()
            task.cancel(*each.args)
        if failed := committing.result():
            raise failed

    async def _try_commit(self) -> sqlite3.Error | None:
        """Why it could not be done. Told and not raised: that would cancel whoever waits."""
        try:
            await self._connection.execute("commit")
        except sqlite3.Error as error:
            return error
        return None

    async def _migrate(self, path: Path) -> None:
        scripts = migrations(self._schema)
        await self._check_kind(path)
        while (version := await self._version()) < len(scripts):
            async with self._transaction():
                # Another process may have been first between the question and the lock.
                if await self._version() == version:
                    for statement in statements_of(scripts[version]):
                        await self._connection.execute(statement)
                    await self._connection.execute(f"pragma user_version = {version + 1}")
        if version > len(scripts):
            raise _newer(path, version)

    async def _check_newest(self, path: Path) -> None:
        """Raises DatabaseUnusable for a file that is not as this version writes it."""
        version, newest = await self._version(), len(migrations(self._schema))
        if version > newest:
            raise _newer(path, version)
        if version < newest:
            raise older(path, version)
        await self._check_kind(path)

    async def _check_kind(self, path: Path) -> None:
        """Raises DatabaseUnusable for a file of the other schema; marks one that is empty."""
        ((found,),) = await self._connection.execute_fetchall("pragma application_id")
        wanted = _APPLICATION_IDS[self._schema]
        if found == wanted:
            return
        if await self._version():
            raise DatabaseUnusable(
                f"{path} is not the database of a {self._schema}",
                remedy="A node and the host of a pool have a file each: look at both paths.",
            )
        await self._connection.execute(f"pragma application_id = {wanted}")

    async def _version(self) -> int:
        ((version,),) = await self._connection.execute_fetchall("pragma user_version")
        return int(version)


def check_file(path: Path) -> None:
    """Reads the file through, which no process may write meanwhile; none is made.

    Raises: DatabaseUnusable.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(address_to_read(path), uri=True)) as connection:
            ((said,),) = connection.execute("pragma quick_check(1)")
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    if said != "ok":
        raise _unusable(path, sqlite3.DatabaseError(said))


def migrations(schema: Schema = "node") -> list[str]:
    """The scripts of a schema in order; the first is number 1."""
    folder = resources.files(__package__).joinpath("sql")
    if schema == "host":
        folder = folder.joinpath("host")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    for number, name in enumerate(files, start=1):
        assert int(name[:4]) == number, f"migration {name} should have number {number:04}"
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in files]


def statements_of(script: str) -> Iterator[str]:
    """The statements of a script: executescript would commit the transaction around them."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def address_to_read(path: Path) -> str:
    """The URI by which SQLite reads a file that nobody writes, and makes none beside it.

    A file that was closed well has no log and is read as it is. Beside one whose process was killed
    lies the log with its last writes, which must be read too.
    """
    log = path.with_name(f"{path.name}-wal")
    has_log = log.is_file() and log.stat().st_size > 0
    return f"{path.absolute().as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"


def older(path: Path, version: int) -> DatabaseUnusable:
    """What is said of a file that would have to be migrated first."""
    return DatabaseUnusable(
        f"{path} was written by an older version of Athanor (schema {version})",
        remedy="Start `athanor serve` once: it brings the file on, and keeps a copy.",
    )


def _newer(path: Path, version: int) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"{path} was written by a newer version of Athanor (schema {version})",
        remedy="Update Athanor, or move the file away to begin with an empty one.",
    )


def _unusable(path: Path, error: Exception) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"cannot use the database {path}: {error}",
        remedy="If it is damaged, move it away: Athanor begins a new one. Its API keys are lost.",
    )


def _closed_to_us(path: Path, reason: str) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"cannot use the database {path}: {reason}",
        remedy="Give your user the right to read and write it, and its disk some room.",
    )
