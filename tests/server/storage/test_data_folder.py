"""Laws of the data folder: an older one is brought on with a copy kept, a newer one refused."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.server.storage.data_folder import (
    FORMAT_FILE,
    KEPT_FOLDER,
    STEPS,
    DataUnusable,
    Format,
    copies_of,
    ensure_data,
)
from app.server.storage.database import Database, migrations, statements_of
from tests.sdist import ROOT
from tests.server.node.homes import run

NEW = "9.9"


def format_of(data: Path) -> Format:
    return msgspec.json.decode((data / FORMAT_FILE).read_bytes(), type=Format)


def old_database(path: Path, version: int, schema: str = "node") -> None:
    """A file as the version with so many migrations left it, still open in its log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    for script in migrations(schema)[:version]:  # type: ignore[arg-type]
        for statement in statements_of(script):
            connection.execute(statement)
    connection.execute(f"pragma user_version = {version}")
    if schema == "host":
        connection.execute(f"pragma application_id = {0x61746870}")
    connection.close()


def version_in(path: Path) -> int:
    connection = sqlite3.connect(path)
    ((version,),) = connection.execute("pragma user_version").fetchall()
    connection.close()
    return int(version)


def content_of(data: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(data)): path.read_bytes()
        for path in sorted(data.rglob("*"))
        if path.is_file()
    }


def test_an_empty_folder_is_of_the_newest_form_and_has_no_copy(tmp_path: Path) -> None:
    ensure_data(tmp_path / "data", NEW)

    assert format_of(tmp_path / "data") == Format(format=len(STEPS), written_by=NEW)
    assert not (tmp_path / "data" / KEPT_FOLDER).exists()


def test_the_form_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    calls: list[str] = []

    def note(_: object, event: str, called: object) -> None:
        if event == "c_call" and called in (os.fsync, os.replace):
            calls.append("synchronised" if called is os.fsync else "named")

    sys.setprofile(note)
    try:
        ensure_data(tmp_path, NEW)
    finally:
        sys.setprofile(None)

    assert calls == ["synchronised", "named"]


def test_a_folder_of_a_newer_version_is_refused_with_a_sentence_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    ensure_data(tmp_path, NEW)
    newer = Format(format=len(STEPS) + 1, written_by="12.0")
    (tmp_path / FORMAT_FILE).write_bytes(msgspec.json.encode(newer))
    old_database(tmp_path / "athanor.db", 1)
    before = content_of(tmp_path)

    with pytest.raises(DataUnusable, match=r"written by Athanor 12\.0.*newer than this") as refused:
        ensure_data(tmp_path, NEW)

    assert "Update Athanor" in refused.value.remedy
    assert content_of(tmp_path) == before


def test_an_older_folder_is_brought_on_step_by_step_with_a_copy_of_before(tmp_path: Path) -> None:
    (tmp_path / "device.key").write_bytes(b"old key")
    old_database(tmp_path / "athanor.db", len(migrations()))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "large.gguf").write_bytes(b"large")
    steps = (
        *STEPS,
        lambda data: (data / "device.key").write_bytes(b"first"),
        lambda data: (data / "device.key").write_bytes(b"second"),
    )

    ensure_data(tmp_path, NEW, steps=steps)

    kept = tmp_path / KEPT_FOLDER / "format-0"
    assert (tmp_path / "device.key").read_bytes() == b"second"
    assert format_of(tmp_path).format == len(steps)
    assert (kept / "device.key").read_bytes() == b"old key"
    assert version_in(kept / "athanor.db") == len(migrations())
    assert sorted(path.name for path in kept.iterdir()) == ["athanor.db", "device.key"]
    assert kept.stat().st_mode & 0o077 == 0 or sys.platform == "win32"


def test_a_step_that_fails_leaves_the_number_and_the_copy_and_is_begun_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "device.key").write_bytes(b"old key")

    def fails(data: Path) -> None:
        (data / "device.key").write_bytes(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        ensure_data(tmp_path, NEW, steps=(*STEPS, fails))
    assert not (tmp_path / FORMAT_FILE).exists()
    ensure_data(
        tmp_path, NEW, steps=(*STEPS, lambda data: (data / "device.key").write_bytes(b"new"))
    )

    assert (tmp_path / KEPT_FOLDER / "format-0" / "device.key").read_bytes() == b"old key"
    assert (tmp_path / "device.key").read_bytes() == b"new"


@pytest.mark.parametrize(("name", "schema"), [("athanor.db", "node"), ("pool/pool.db", "host")])
def test_a_database_that_will_be_migrated_is_copied_before_and_the_last_copy_stays(
    tmp_path: Path, name: str, schema: str
) -> None:
    ensure_data(tmp_path, NEW)
    database = tmp_path / name
    old_database(database, 1, schema)
    (database.parent / f"{database.name}.schema-0").write_bytes(b"of long ago")

    ensure_data(tmp_path, NEW)

    assert [path.name for path in copies_of(database)] == [f"{database.name}.schema-1"]
    assert version_in(copies_of(database)[0]) == 1


def test_a_copy_of_a_database_is_not_overwritten_by_a_second_start(tmp_path: Path) -> None:
    database = tmp_path / "athanor.db"
    old_database(database, 1)
    ensure_data(tmp_path, NEW)
    copy = copies_of(database)[0].read_bytes()

    ensure_data(tmp_path, NEW)

    assert copies_of(database)[0].read_bytes() == copy


def test_a_database_of_this_version_is_not_copied(tmp_path: Path) -> None:
    async def use() -> None:
        async with await Database.open(tmp_path / "athanor.db"):
            pass

    run(use())
    ensure_data(tmp_path, NEW)

    assert copies_of(tmp_path / "athanor.db") == []


def test_a_damaged_database_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    (tmp_path / "athanor.db").write_bytes(b"no database at all, " * 100)
    (tmp_path / FORMAT_FILE).write_bytes(
        msgspec.json.encode(Format(format=len(STEPS), written_by=NEW))
    )

    ensure_data(tmp_path, NEW)

    assert copies_of(tmp_path / "athanor.db") == []


def test_what_is_no_database_is_kept_as_it_is_and_left_to_whoever_opens_it(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "pool.db").write_bytes(b"no database at all, " * 100)

    ensure_data(tmp_path, NEW)

    kept = tmp_path / KEPT_FOLDER / "format-0" / "pool" / "pool.db"
    assert kept.read_bytes() == b"no database at all, " * 100
    assert format_of(tmp_path).format == len(STEPS)


def test_two_processes_do_not_bring_one_folder_on_at_one_moment(tmp_path: Path) -> None:
    ensure_data(tmp_path, NEW)
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from app.server.storage.data_folder import STEPS, ensure_data\n"
        "def slow(data):\n"
        "    print('begun', flush=True)\n"
        "    sys.stdin.read()\n"
        f"ensure_data(Path({str(tmp_path)!r}), 'x', steps=(*STEPS, slow))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "begun\n"

        with pytest.raises(DataUnusable, match="another process"):
            ensure_data(tmp_path, NEW)


def test_athanor_says_in_one_sentence_that_the_data_is_newer(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / FORMAT_FILE).write_bytes(msgspec.json.encode(Format(format=99, written_by="12.0")))

    told = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "ATHANOR_HOME": str(tmp_path)},
    )

    assert told.returncode == 1
    assert "newer than this one" in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr
    assert not (data / "athanor.db").exists()
