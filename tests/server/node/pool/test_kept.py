"""What a node earned can be shown and proved while no server runs, from its files alone."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from app.server.main.lock_file import LockFile
from app.settings.paths import Paths
from app.wire.pool import Finished, Register
from tests.pool.members import wait_for
from tests.sdist import ROOT
from tests.server.node.pool.offers import body_of, offer_job
from tests.support.node import RunningNode, put_toy, running_node
from tests.support.scripted_host import HostThread, ScriptedHost

LENDING = (
    *("--sharing-mode", "always", "--sharing-on-battery", "true"),
    *("--sharing-start-delay-seconds", "0"),
)


TRIGGERS = "select name from sqlite_master where type = 'trigger'"


@dataclass
class Lent:
    """As `offer_job` wants it."""

    host: ScriptedHost


def athanor(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "ATHANOR_HOME": str(home), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )


def earn(node: RunningNode, club: HostThread) -> None:
    """Three jobs are done, and the host counter-signs two."""
    assert athanor(node.home, "pool", "join", club.host.invite()).returncode == 0
    club.do(club.host.expect(Register, lambda frame: bool(frame.models)))
    for number in range(3):
        offer = offer_job(Lent(club.host), body_of("hello"), f"job-{number}")  # type: ignore[arg-type]
        club.do(offer)
        finished = club.do(club.host.expect(Finished))
        if number < 2:
            club.do(club.host.countersign(finished, earned=50 + number))
    club.do(club.host.checkpoint())


def settled(node: RunningNode) -> bool:
    shown = json.loads(athanor(node.home, "credits", "verify", "--json").stdout)
    return (shown["verdicts"], shown["checkpoints"], shown["earned"]) == (2, 1, 101)


@pytest.fixture(scope="module")
def earned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A home whose node has earned and has ended, and what the commands said while it ran."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "host").mkdir()
    toy = put_toy(folder / "home", "echo")
    with HostThread(folder / "host") as club:
        with running_node(folder / "home", "--model", str(toy), *LENDING) as node:
            earn(node, club)
            wait_for(lambda: settled(node), "the verdicts")
            told = {
                word: athanor(node.home, "credits", word, "--json").stdout
                for word in ("verify", "receipts", "export")
            }
        yield folder / "home", told


@pytest.fixture
def home(earned: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """A copy of it, for a test that changes something."""
    shutil.copytree(earned[0] / "data", tmp_path / "data")
    return tmp_path


def traces(home: Path) -> dict[str, str]:
    """Every file with what it holds."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {str(path.relative_to(home)): sha256(path.read_bytes()).hexdigest() for path in files}


def change(home: Path, statement: str) -> None:
    """As somebody does who knows of the triggers that forbid it."""
    with sqlite3.connect(Paths.under(home).database) as database:
        for (name,) in database.execute(TRIGGERS).fetchall():
            database.execute(f"drop trigger {name}")
        database.execute(statement)
    database.close()


def test_without_a_server_the_same_is_told_and_no_file_is_touched(
    earned: tuple[Path, dict[str, str]],
) -> None:
    home, told = earned
    before = traces(home)

    for word, text in told.items():
        result = athanor(home, "credits", word, "--json")
        assert (result.returncode, result.stdout) == (0, text), result.stderr
        assert "No server is running" in result.stderr

    assert traces(home) == before


def test_without_a_server_days_are_shown_and_the_balance_is_not_made_up(
    earned: tuple[Path, dict[str, str]],
) -> None:
    shown = athanor(earned[0], "credits", "balance")

    assert shown.returncode == 0 and "0.000101" in shown.stdout
    assert "the host's word" in shown.stderr
    assert athanor(earned[0], "credits", "balance", "--json").returncode == 3


def test_a_row_that_was_tampered_with_is_found_without_a_server(home: Path) -> None:
    assert athanor(home, "credits", "verify").returncode == 0
    change(
        home, "update pool_receipts set receipt = cast(receipt || x'00' as blob) where number = 1"
    )

    found = athanor(home, "credits", "verify", "--json")

    answer = json.loads(found.stdout)
    assert found.returncode == 1 and not answer["is_good"]
    assert answer["findings"][0]["place"] == "receipt 1"


def test_books_that_say_otherwise_are_found_without_a_server(home: Path) -> None:
    Paths.under(home).books.unlink()

    found = athanor(home, "credits", "verify")

    assert found.returncode == 1
    assert "the books say 0 credits" in found.stdout


@pytest.mark.parametrize(("version", "words"), [(1, "athanor serve"), (999, "Update Athanor")])
def test_a_database_of_another_version_is_refused_and_left_as_it_is(
    home: Path, version: int, words: str
) -> None:
    change(home, f"pragma user_version = {version}")
    before = traces(home)

    refused = athanor(home, "credits", "verify")

    assert refused.returncode == 1
    assert words in refused.stderr
    assert traces(home) == before


def test_what_a_killed_server_wrote_last_is_read_too(home: Path) -> None:
    database = sqlite3.connect(Paths.under(home).database)
    database.execute("pragma journal_mode = wal")
    database.execute("update memberships set name = 'Later'")
    database.commit()
    with_log = home / "killed"
    shutil.copytree(home / "data", with_log / "data")
    database.close()

    assert list((with_log / "data").glob("*-wal"))
    assert json.loads(athanor(with_log, "credits", "export", "--json").stdout)["name"] == "Later"


def test_a_lock_that_cannot_be_taken_is_no_hindrance_to_reading(home: Path) -> None:
    Paths.under(home).lock_file.mkdir(parents=True)  # as unwritable as in a copy on a disc

    assert athanor(home, "credits", "verify").returncode == 0


def test_a_server_that_holds_the_files_and_does_not_answer_is_named(home: Path) -> None:
    paths = Paths.under(home)
    paths.lock_file.parent.mkdir()
    lock = LockFile.take(paths.lock_file)

    refused = athanor(home, "credits", "verify")

    lock.close()
    assert refused.returncode == 3
    assert "runs already" in refused.stderr


def test_where_nothing_was_ever_kept_nothing_is_made(tmp_path: Path) -> None:
    refused = athanor(tmp_path, "credits", "verify")

    assert refused.returncode == 1
    assert "joined no pool" in refused.stderr
    assert not list(tmp_path.iterdir())
