"""Unwritable: what the rest of the program is told when SQLite cannot write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

from app.core.base.errors import Busy

RETRY_SECONDS: Final = 10
"""Longer than another program is waited for here (BUSY_SECONDS)."""


@final
class Unwritable(Busy):
    """The disk is full, or somebody else holds the file: it may work later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_seconds=RETRY_SECONDS)


@contextmanager
def or_unwritable() -> Iterator[None]:
    """Inside this block an error of SQLite is raised as Unwritable."""
    try:
        yield
    except sqlite3.Error as error:
        raise Unwritable(f"the database cannot be written: {error}") from error
