"""Books whose process is killed by SIGKILL: nothing answered is lost, nothing is left half."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.ledger.commands import EventId
from app.server.storage.books_audit import audit
from app.server.storage.books_store import BooksStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")

WRITERS = "tests.server.storage.books"
STATEMENTS_MIN = 100
"""Of the schema and a life, counted twice: fewer would mean that the child was not killed."""


@pytest.mark.slow
def test_a_writer_killed_at_any_statement_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"{WRITERS}.dying_writer", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > STATEMENTS_MIN


@pytest.mark.parametrize("answers", [1, 100, 700])
def test_a_writer_killed_under_load_loses_nothing_that_was_answered(
    tmp_path: Path, answers: int
) -> None:
    path = tmp_path / "books.db"
    command = [sys.executable, "-m", f"{WRITERS}.busy_writer", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(answers)]
        writer.send_signal(signal.SIGKILL)
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]

    store = BooksStore.open(path)
    books = store._rows.load()

    assert audit(path).is_clean
    assert all(books.recorded(EventId(name)) is not None for name in told)
    assert sum(books.balances.values()) == 0
    store.close()
