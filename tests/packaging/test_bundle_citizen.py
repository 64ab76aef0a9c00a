"""The built bundle on its system: sleep and wakefulness, links, the support file, and going.

In an environment with no program of the system's, no Python and a home of its own; logind is a real
service on a real bus. `BUNDLE=FOLDER` names another bundle than dist/athanor.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.client.client import Client
from app.settings.paths import Paths
from app.wire.pool import GoingAway
from app.wire.pool_local import JoinRequest
from tests.server.hardware.surroundings.desktops import needs
from tests.support.logind import Logind, logind
from tests.support.scripted_host import HostThread
from tests.tidy.source import ROOT

ANSWERS = 4
"""Of some seconds together."""
BUNDLE = Path(os.environ.get("BUNDLE", ROOT / "dist" / "athanor"))

pytestmark = [
    pytest.mark.bundle,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="the services are Linux's"),
    pytest.mark.skipif(not (BUNDLE / "athanor").exists(), reason="needs dist/athanor: make bundle"),
    needs("dbus-daemon"),
]


class Home:
    """A user of the bundle."""

    def __init__(self, folder: Path, system: Logind) -> None:
        self.folder = folder
        self.paths = Paths.under(folder / "athanor")
        self.environment = {
            "PATH": "/nowhere",
            "HOME": str(folder),
            "ATHANOR_HOME": str(folder / "athanor"),
            "DBUS_SYSTEM_BUS_ADDRESS": system.address,
            "DBUS_SESSION_BUS_ADDRESS": system.address,
        }

    def athanor(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [BUNDLE / "athanor", *words],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.environment,
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The base URL of a server that ends with the block."""
        with subprocess.Popen(
            [BUNDLE / "athanor", "serve", "--json", "--with-parent", "--port", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment,
        ) as server:
            assert server.stdin is not None and server.stdout is not None
            try:
                yield json.loads(server.stdout.readline())["addresses"][0]
            finally:
                server.stdin.close()


@pytest.fixture
def system() -> Iterator[Logind]:
    with logind() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, system: Logind) -> Home:
    folder = tmp_path / "user"
    folder.mkdir()
    return Home(folder, system)


def test_it_keeps_the_computer_awake_while_it_answers(home: Home, system: Logind) -> None:
    body = {
        "model": "athanor-starter",
        "max_tokens": 3900,
        "ignore_eos": True,
        "messages": [{"role": "user", "content": "Count as far as you can."}],
    }
    with home.serving() as address:
        # A short answer keeps nothing awake, and a quick machine gives a long one in a moment.
        for _ in range(ANSWERS):
            httpx.post(f"{address}/chat/completions", json=body, timeout=120).raise_for_status()
        system.await_word("desktop inhibited")
        system.await_word("inhibited idle block")

    system.await_word("desktop let go")


def test_it_tells_its_pool_before_the_computer_sleeps_and_comes_back_after(
    home: Home, system: Logind, tmp_path: Path
) -> None:
    (tmp_path / "host").mkdir()
    with HostThread(tmp_path / "host") as club, home.serving():
        system.await_word("inhibited sleep delay")
        with Client.find(home.paths) as client:
            client.join_pool(JoinRequest(invite=club.host.invite()))
        system.sleep()

        assert club.do(club.host.expect(GoingAway)).reason == "sleep"
        system.await_word("let go")
        system.wake()

        club.do(club.host.until(lambda: club.host.has_greeted(2)))


def test_its_support_file_keeps_its_own_sentences_and_no_name(home: Home, tmp_path: Path) -> None:
    with home.serving():
        pass
    target = tmp_path / "support.zip"

    told = home.athanor("doctor", "--bundle", str(target))

    with zipfile.ZipFile(target) as packed:
        documents = {name: packed.read(name).decode() for name in packed.namelist()}
    assert json.loads(documents["about.json"])["is_bundle"], told.stderr
    assert "app.server.main.run stopped" in documents["logs/server.log"]
    assert not [name for name, text in documents.items() if str(tmp_path) in text]


def test_it_opens_links_and_goes_without_a_trace(home: Home) -> None:
    with home.serving() as address:
        opened = home.athanor("open", "--", "athanor://models")
    assert opened.stdout.startswith(address.removesuffix("/v1")), opened.stderr
    assert home.athanor("links", "on").returncode == 0
    assert home.athanor("autostart", "on").returncode == 0

    gone = home.athanor("purge", "--yes", "--models", "--pool")

    assert gone.returncode == 0, gone.stderr
    assert [path for path in home.folder.rglob("*") if not path.is_dir()] == []
    assert not (home.folder / "athanor").exists()
