"""What a version that never served has changed of the data is as it was before it."""

import sqlite3
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
from app.server.storage.database import migrations
from app.server.storage.taken_back import ASIDE, take_back
from tests.server.storage.test_data_folder import old_database, version_in

NEWEST = len(migrations())


def spoil(path: Path) -> None:
    """A step of a later version."""
    (path / "prices.txt").write_text("in a later form")


def test_a_form_that_a_later_version_made_is_taken_back_from_the_copy(tmp_path: Path) -> None:
    (tmp_path / "prices.txt").write_text("mine")
    ensure_data(tmp_path, "0.1.0")
    ensure_data(tmp_path, "0.2.0", steps=(*STEPS, spoil))
    with pytest.raises(DataUnusable):
        ensure_data(tmp_path, "0.1.0")

    names = take_back(tmp_path)

    ensure_data(tmp_path, "0.1.0")
    assert "prices.txt" in names
    assert (tmp_path / "prices.txt").read_text() == "mine"
    aside = tmp_path / KEPT_FOLDER / ASIDE
    assert (aside / "prices.txt").read_text() == "in a later form"
    form = msgspec.json.decode((tmp_path / FORMAT_FILE).read_bytes(), type=Format)
    assert form.format == len(STEPS)


@pytest.mark.parametrize("name", ["athanor.db", "pool/pool.db"])
def test_a_database_that_a_later_version_migrated_is_taken_back_from_its_copy(
    tmp_path: Path, name: str
) -> None:
    database = tmp_path / name
    schema = "host" if name.startswith("pool") else "node"
    newest = len(migrations(schema))
    old_database(database, newest, schema)
    copy = database.with_name(f"{database.name}.schema-{newest}")
    copy.write_bytes(database.read_bytes())
    old_database_as_later(database, newest + 1)
    assert copies_of(database) == [copy]

    assert take_back(tmp_path) == (name,)

    assert version_in(database) == newest
    assert version_in(tmp_path / KEPT_FOLDER / ASIDE / name) == newest + 1


def old_database_as_later(path: Path, version: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"pragma user_version = {version}")
    connection.close()


def test_without_a_copy_nothing_is_touched(tmp_path: Path) -> None:
    database = tmp_path / "athanor.db"
    old_database(database, NEWEST)
    old_database_as_later(database, NEWEST + 1)

    assert take_back(tmp_path) == ()

    assert version_in(database) == NEWEST + 1


def test_data_that_this_version_can_read_is_left_as_it_is(tmp_path: Path) -> None:
    old_database(tmp_path / "athanor.db", NEWEST)
    (tmp_path / "prices.txt").write_text("mine")
    ensure_data(tmp_path, "0.1.0")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert take_back(tmp_path) == ()

    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path: after.get(path) for path in before} == before
