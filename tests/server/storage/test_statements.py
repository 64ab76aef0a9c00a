"""Laws of the .sql files: each statement is valid for its tables, and is asked by a module."""

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from app.server.storage.books_schema import books_migrations
from app.server.storage.database import Schema, migrations, statements_of
from app.server.storage.statements import statements_for
from tests.tidy.source import ROOT

STORAGE = ROOT / "app" / "server" / "storage"
FILES = sorted((STORAGE / "sql" / "statements").glob("*.sql"))
NAMES = [file.stem for file in FILES]

WHOLE_TABLE = r"SCAN (?!CONSTANT ROW)|USE TEMP B-TREE FOR ORDER BY"
"""A step that reads all of a table, or sorts what it found."""

BEGINS_SQL = re.compile(r"\s*(select|insert|update|delete|create|alter|drop|with|replace)\s")


KINDS: tuple[Schema, ...] = ("node", "host")


@contextmanager
def made(kind: Schema) -> Iterator[sqlite3.Connection]:
    """A database with the newest tables, books too."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in (*migrations(kind), *books_migrations()):
            for statement in statements_of(script):
                connection.execute(statement)
        connection.execute(statements_for("books_schema")["make_versions"])
        yield connection


def read_names(module: str) -> set[str]:
    """Those that the module takes: `_SQL["add"]`."""
    tree = ast.parse((STORAGE / f"{module}.py").read_text())
    return {
        str(node.slice.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_SQL"
        and isinstance(node.slice, ast.Constant)
    }


def no_values(statement: str) -> tuple[None, ...]:
    """As many as the statement takes."""
    numbered = {int(number) for number in re.findall(r"\?(\d+)", statement)}
    return (None,) * (max(numbered, default=0) or statement.count("?"))


def fits(connection: sqlite3.Connection, statement: str) -> str:
    """What SQLite says against it; nothing where it can be prepared."""
    try:
        connection.execute(f"explain {statement}", no_values(statement))
    except sqlite3.Error as error:
        return str(error)
    return ""


def plan_of(connection: sqlite3.Connection, statement: str) -> list[str]:
    """How SQLite goes about it, step by step."""
    rows = connection.execute(f"explain query plan {statement}", no_values(statement))
    return [str(detail) for *_, detail in rows]


GROWING: dict[Schema, dict[str, str]] = {
    "node": {
        "pool_asks": "open find newest all spent",
        "pool_receipts": "head find from_number without_verdict newest",
    },
    "host": {
        "attempts": "of_job",
        "books_reader": "balance statement paid charged lots_due",
        "books_rows": "filled_lots_of lot hold event",
        "idempotency": "claim found forget sweep",
        "receipts": "of_job last_given_by_device all",
        "usage": "drop_rows",
    },
}
"""What is asked again and again of tables that only grow, by module."""


@pytest.mark.parametrize(
    ("kind", "module", "name"),
    [
        (kind, module, name)
        for kind, modules in GROWING.items()
        for module, names in modules.items()
        for name in names.split()
    ],
)
def test_what_is_asked_of_a_table_that_grows_reads_no_more_of_it_than_it_tells(
    kind: Schema, module: str, name: str
) -> None:
    statement = statements_for(module)[name]

    with made(kind) as connection:
        plan = plan_of(connection, statement)

    assert not [step for step in plan if re.match(WHOLE_TABLE, step)]


@pytest.mark.parametrize("module", NAMES)
def test_each_statement_fits_the_tables_of_a_node_or_of_a_host(module: str) -> None:
    texts = statements_for(module)

    for kind in KINDS:
        with made(kind) as connection:
            if not any(fits(connection, text) for text in texts.values()):
                return
    pytest.fail(f"{module}.sql fits neither")


@pytest.mark.parametrize("module", NAMES)
def test_each_statement_is_asked_by_the_module_of_its_file_and_none_is_missing(module: str) -> None:
    assert read_names(module) == set(statements_for(module))


def test_no_module_has_statements_in_its_own_text() -> None:
    found = [
        f"{file.name}:{node.lineno}"
        for file in STORAGE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and BEGINS_SQL.match(node.value)
    ]

    assert not found
