"""Statements: the SQL that a module asks, by name, from the file of its own name in sql/statements.

`-- name: add` begins a statement, and its semicolon ends it. Other comments are for the reader.
A name is read with square brackets, so that a test finds who uses which (tests/server/storage).
"""

import sqlite3
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final

_NAME: Final = "-- name: "


def statements_for(module: str) -> Mapping[str, str]:
    """Name -> text of all statements in `sql/statements/<module>.sql`. Read once, at import."""
    file = resources.files(__package__).joinpath("sql", "statements", f"{module}.sql")
    _, *parts = f"\n{file.read_text(encoding='utf-8')}".split(f"\n{_NAME}")
    found: dict[str, str] = {}
    for part in parts:
        name, _, text = part.partition("\n")
        assert name not in found, f"{module}.sql has two statements {name!r}"
        assert sqlite3.complete_statement(text), f"{name!r} in {module}.sql has no semicolon"
        found[name] = text.strip()
    return MappingProxyType(found)
