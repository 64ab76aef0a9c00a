"""A database file that another program holds."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program writes, until it commits or the block ends."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("begin exclusive")
        yield other
    finally:
        other.close()
