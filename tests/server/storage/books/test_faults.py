"""Books on a bad day: a full disk, a locked file, a second writer, a damaged or newer file."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.core.base.errors import Busy, DiskFull
from app.core.ledger.result import Outcome, Result
from app.server.storage.books_audit import audit
from app.server.storage.books_schema import books_migrations, books_version
from app.server.storage.books_store import BooksStore
from app.server.storage.data_folder import copies_of, ensure_data
from app.server.storage.database import DatabaseUnusable
from tests.server.storage.books.told import (
    BOB,
    a_life,
    file_with_a_life,
    grant,
    settle,
    tell,
    tell_all_well,
)


class FullDisk(sqlite3.Connection):
    """A connection on a disk without room for one more page."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        ((pages,),) = self.execute("pragma page_count").fetchall()
        self.execute(f"pragma max_page_count = {pages}")


def test_on_a_full_disk_nothing_is_carried_out_and_later_everything_is(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)
    grants = [grant(f"more-{number}", 100) for number in range(400)]
    store = BooksStore.open(path, factory=FullDisk)

    with pytest.raises(DiskFull) as caught:
        store.execute(grants)
    assert caught.value.remedy
    assert audit(path).is_clean and store._rows.load().recorded(grants[0].id) is None
    store.close()

    store = BooksStore.open(path)
    assert {outcome.result for outcome in tell(store, *grants)} == {Result.DONE}
    assert audit(path).is_clean
    store.close()


LIMITED = """
import resource, signal, sys
from pathlib import Path
from app.core.base.errors import AthanorError
from app.server.storage.books_audit import audit
from app.server.storage.books_store import BooksStore
from tests.server.storage.books.told import grant, tell_all_well

path = Path(sys.argv[1])
store = BooksStore.open(path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40_000, hard))
told, failed = [], 0
for number in range(300):
    told.append(grant(f"more-{number}", 100))
    try:
        tell_all_well(store, told[-1])
    except AthanorError:
        failed += 1
assert 0 < failed < 300, failed
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
tell_all_well(store, *told)
assert audit(path).is_clean
"""


@pytest.mark.skipif(sys.platform == "win32", reason="other systems have no such limit")
def test_a_disk_that_fails_in_the_middle_of_writing_is_survived(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_a_file_that_another_program_has_locked_is_said_to_be_busy(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)
    store = BooksStore.open(path, busy_seconds=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")

    with pytest.raises(Busy):
        store.execute([grant("g", 1)])
    other.execute("rollback")

    assert tell(store, grant("g", 1))[0].result is Result.DONE
    other.close()
    store.close()


def test_a_writer_waits_for_another_program_to_let_go(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)
    store = BooksStore.open(path, busy_seconds=60)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    outcomes = []

    writing = threading.Thread(target=lambda: outcomes.extend(tell(store, grant("g", 1))))
    writing.start()
    other.execute("commit")
    writing.join()

    assert [outcome.result for outcome in outcomes] == [Result.DONE]
    other.close()
    store.close()


def test_a_command_that_meets_a_damaged_row_takes_no_other_with_it(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)
    store = BooksStore.open(path)
    tell_all_well(store, grant("g", 100))
    with sqlite3.connect(path) as other:
        other.execute("update ledger_lots set balance = 0, reserved = 0 where id = 'grant'")
    other.close()

    first, second, third = store.execute(
        [grant("b", 5, BOB), settle("e", "left-open", 700), grant("c", 5, BOB)]
    )

    assert isinstance(second, sqlite3.IntegrityError | AssertionError)
    assert [isinstance(one, Outcome) and one.result for one in (first, third)] == [Result.DONE] * 2
    assert {finding.name for finding in audit(path).findings} == {"grant", "user:alice"}
    store.close()


def test_books_of_a_newer_program_are_refused_with_a_sentence(tmp_path: Path) -> None:
    path = file_with_a_life(tmp_path)
    with sqlite3.connect(path) as other:
        other.execute("insert into ledger_schema values (?)", (len(books_migrations()) + 1,))
    other.close()

    with pytest.raises(DatabaseUnusable, match="newer version") as caught:
        BooksStore.open(path)

    assert caught.value.remedy


def test_books_of_the_first_version_are_brought_on_with_a_copy_and_all_that_is_in_them(
    tmp_path: Path,
) -> None:
    path = file_with_a_life(tmp_path)
    with sqlite3.connect(path) as old:
        old.execute("drop index ledger_lots_to_lapse")
        old.execute("drop index ledger_events_settling")
        old.execute("delete from ledger_schema where version > 1")
    old.close()

    ensure_data(tmp_path, "9.9")
    store = BooksStore.open(path)

    assert tell(store, *a_life())[0].result is Result.EXISTS
    tell_all_well(store, grant("more", 100))
    store.close()
    assert audit(path).is_clean
    assert [copy.name for copy in copies_of(path)] == ["books.db.schema-0-1"]
    with sqlite3.connect(path) as new:
        assert books_version(new) == len(books_migrations())
    new.close()


def test_a_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.write_bytes(b"credits, I think" * 400)

    with pytest.raises(DatabaseUnusable) as caught:
        BooksStore.open(path)

    assert caught.value.remedy
