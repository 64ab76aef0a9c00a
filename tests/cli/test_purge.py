"""Laws of going: nothing is left but what its owner kept, and nothing of others is touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings.autostart.autostart import Switch
from app.settings.links.links import LinkSwitch
from tests.sdist import ROOT
from tests.support.node import RunningNode


class Machine:
    """A user's folders, as the system has them, and the program in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ATHANOR")
        } | {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "share"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_DATA_DIRS": str(folder / "usr"),
            "COLUMNS": "200",
        }

    def athanor(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "app", *words],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=self.environment,
        )

    def use(self) -> None:
        """What days of use leave."""
        files = {
            "config/athanor/config.toml": "[server]\nport = 0\n",
            "config/firefox/prefs.js": "another's",
            "config/mimeapps.list": "[Default Applications]\ntext/html=firefox.desktop\n",
            "share/athanor/athanor.db": "database",
            "share/athanor/device.key": "key",
            "share/athanor/models/large.gguf": "model" * 100,
            "share/athanor/pool/pool.db": "books",
            "share/athanor/runtimes/cuda13-1/module.so": "pack",
            "share/athanor/run/server.json": "",
            "cache/athanor/cards.json": "{}",
            "cache/other/file": "another's",
            "state/athanor/log/server.log": "log",
        }
        for name, text in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        Switch.of_this(self.environment).turn_on()
        LinkSwitch.of_this(self.environment).turn(on=True)

    def left(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() or path.is_symlink() or not any(path.iterdir())
        )


OTHERS = ["cache/other/file", "config/firefox/prefs.js", "config/mimeapps.list"]
EMPTIED = ["config/autostart", "share/applications", "state"]
"""Folders of the desktop's own, which stay."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.use()
    return made


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's folders")


def test_everything_goes_that_is_asked_for_and_nothing_else(machine: Machine) -> None:
    answer = machine.athanor("purge", "--yes", "--models", "--pool", "--json")

    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert all(part["is_deleted"] for part in told["parts"])
    assert told["freed_bytes"] > 500
    assert [each for each in machine.left() if each not in EMPTIED] == OTHERS
    kept = (machine.folder / "config" / "mimeapps.list").read_text()
    assert kept == "[Default Applications]\ntext/html=firefox.desktop\n"


def test_what_the_desktop_switched_off_goes_too(machine: Machine) -> None:
    entry = machine.folder / "config" / "autostart" / "athanor.desktop"
    entry.write_text(entry.read_text() + "X-GNOME-Autostart-enabled=false\n")
    defaults = machine.folder / "config" / "mimeapps.list"
    defaults.write_text("[Default Applications]\nx-scheme-handler/athanor=other.desktop\n")

    answer = machine.athanor("purge", "--yes", "--models", "--pool")

    assert answer.returncode == 0, answer.stderr
    assert [each for each in machine.left() if each not in EMPTIED] == OTHERS


def test_models_and_a_hosted_pool_stay_unless_they_are_named(machine: Machine) -> None:
    assert machine.athanor("purge", "--yes").returncode == 0

    assert [each for each in machine.left() if each not in EMPTIED] == sorted(
        [*OTHERS, "share/athanor/models/large.gguf", "share/athanor/pool/pool.db"]
    )


def test_what_is_named_is_kept(machine: Machine) -> None:
    answer = machine.athanor("purge", "--yes", "--keep", "settings", "--keep", "data")

    assert answer.returncode == 0, answer.stderr
    left = machine.left()
    assert "config/athanor/config.toml" in left
    assert "share/athanor/device.key" in left
    assert "cache/athanor/cards.json" not in left


def test_a_rehearsal_shows_sizes_and_deletes_nothing(machine: Machine) -> None:
    before = machine.left()

    answer = machine.athanor("purge", "--dry-run", "--models")

    assert answer.returncode == 0, answer.stderr
    assert "500 B" in answer.stdout
    assert machine.left() == before


def test_without_an_answer_nothing_is_deleted(machine: Machine) -> None:
    before = machine.left()

    answer = machine.athanor("purge")

    assert answer.returncode == 2
    assert "--yes" in answer.stderr
    assert machine.left() == before


def test_a_link_to_another_disk_is_taken_away_and_what_is_there_stays(
    machine: Machine, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    (machine.folder / "share/athanor/models").rename(disk)
    (machine.folder / "share/athanor/models").symlink_to(disk)

    answer = machine.athanor("purge", "--yes", "--models")

    assert answer.returncode == 0, answer.stderr
    assert (disk / "large.gguf").is_file()
    assert not (machine.folder / "share/athanor/models").is_symlink()


@pytest.mark.skipif(os.name == "posix" and os.getuid() == 0, reason="root may delete anything")
def test_what_cannot_be_deleted_is_told(machine: Machine) -> None:
    folder = machine.folder / "cache/athanor"
    folder.chmod(0o500)

    answer = machine.athanor("purge", "--yes")

    folder.chmod(0o700)
    assert answer.returncode == 1
    assert "cards.json" in answer.stderr


def test_a_machine_without_anything_of_ours_is_left_without_anything(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    answer = machine.athanor("purge", "--yes")

    assert answer.returncode == 0, answer.stderr
    assert "keeps nothing" in answer.stderr
    assert machine.left() == []


def test_while_a_server_runs_nothing_is_deleted(node: RunningNode) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "app", "purge", "--yes"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "ATHANOR_HOME": str(node.home)},
    )

    assert answer.returncode != 0
    assert "athanor stop" in answer.stderr
    assert (node.home / "data" / "athanor.db").is_file()
