"""Unwritable: what the rest of the program is told when SQLite cannot write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

from app.core.base.errors import AthanorError


@final
class Unwritable(AthanorError):
    """The disk is full, or somebody else holds the file: it may work later."""


@contextmanager
def or_unwritable() -> Iterator[None]:
    """Inside this block an error of SQLite is raised as Unwritable."""
    try:
        yield
    except sqlite3.Error as error:
        raise Unwritable(f"the database cannot be written: {error}") from error
