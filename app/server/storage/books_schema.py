"""The file of the books: how it is opened, and its schema brought up to date.

The books stand in the database of whoever keeps them, a node or a host, beside its other tables,
and have their own numbered files in sql/books: `ledger_schema` says which of them were carried out.
They have a connection of their own, since they alone wait for the disk at every commit.
"""

import sqlite3
from importlib import resources
from pathlib import Path
from typing import Final

from app.core.base.errors import AthanorError, Busy, DiskFull
from app.server.storage.database import (
    BUSY_SECONDS,
    DatabaseUnusable,
    address_to_read,
    older,
    statements_of,
)
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("books_schema")

PRAGMAS: Final = (
    "journal_mode = wal",
    "foreign_keys = on",
    # What was answered is on the disk, also after a power cut; macOS needs the second for it.
    "synchronous = full",
    "fullfsync = on",
)


def connect(
    path: Path,
    *,
    busy_seconds: float = BUSY_SECONDS,
    factory: type[sqlite3.Connection] = sqlite3.Connection,
) -> sqlite3.Connection:
    """A connection for the one writer, with the newest schema of the books.

    Used by one thread at a time. Raises: DatabaseUnusable, DiskFull, Busy.
    """
    try:
        path.touch(mode=0o600)
        connection = sqlite3.connect(
            path,
            timeout=busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            factory=factory,
        )
    except (OSError, sqlite3.Error) as error:
        raise translated(error, path) from error
    try:
        for pragma in PRAGMAS:
            connection.execute(f"pragma {pragma}")
        _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that sees what was committed and can change nothing."""
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("pragma query_only = on")
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return connection


def connect_copy(path: Path) -> sqlite3.Connection:
    """What the file holds now, in memory; nothing is created or migrated, nothing can be written.

    Nobody may write the file until this returns. Raises: DatabaseUnusable, Busy.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        file = sqlite3.connect(address_to_read(path), uri=True)
        try:
            file.backup(connection)
        finally:
            file.close()
        version, newest = books_version(connection), len(books_migrations())
        if version < newest:
            raise older(path, version)
        if version > newest:
            raise _newer(path, version)
        connection.execute("pragma query_only = on")
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def books_migrations() -> list[str]:
    """The scripts in order; the first is number 1."""
    folder = resources.files(__package__).joinpath("sql", "books")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    for number, name in enumerate(files, start=1):
        assert int(name[:4]) == number, f"migration {name} should have number {number:04}"
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in files]


def books_version(connection: sqlite3.Connection) -> int:
    """How many of them a file has carried out; 0 where it has no books."""
    if connection.execute(_SQL["has_versions"]).fetchone() is None:
        return 0
    ((version,),) = connection.execute(_SQL["version"]).fetchall()
    return int(version)


def translated(error: OSError | sqlite3.Error, path: Path) -> AthanorError:
    """The same failure in words of the one tree of errors, with what the operator can do."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    # Extended codes carry the primary one in their lowest byte.
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy(
            f"the books in {path} are locked by another program",
            retry_after_seconds=1,
            remedy="Close the program that has the file open for writing.",
        )
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return DiskFull(
            f"the books in {path} cannot grow: the disk is full",
            remedy="Make room on that disk; nothing that was answered is lost.",
        )
    return DatabaseUnusable(
        f"cannot use the books in {path}: {error}",
        remedy="`athanor pool audit` says what is damaged; restore the file from a copy if it is.",
    )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Carry out what is missing, each file in a transaction of its own."""
    scripts = books_migrations()
    while (version := books_version(connection)) < len(scripts):
        connection.execute("begin immediate")
        try:
            # Another process may have been first between the question and the lock.
            if books_version(connection) == version:
                for statement in statements_of(scripts[version]):
                    connection.execute(statement)
                _note_version(connection, version + 1)
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")
    if version > len(scripts):
        raise _newer(path, version)


def _newer(path: Path, version: int) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"the books in {path} were written by a newer version of Athanor (schema {version})",
        remedy="Update Athanor.",
    )


def _note_version(connection: sqlite3.Connection, version: int) -> None:
    connection.execute(_SQL["make_versions"])
    connection.execute(_SQL["note_version"], (version,))
