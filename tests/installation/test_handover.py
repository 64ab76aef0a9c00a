"""A server from an archive restarts for its next version, and goes back from one that never serves.

Real servers, in bundles that are folders of the test's own; a publisher's place on this machine.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.client.client import Client
from app.client.process import is_alive, wait_gone
from app.client.restarted import wait_for_successor
from app.core.release.trial import Memory, handing_over
from app.installation.memory_file import MemoryFile
from app.settings.paths import Paths
from tests.support.bundles import Fault, installed_bundle, put_bundle

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="archives are Linux's"),
]


class Installed:
    """A bundle that serves, and the files of its node."""

    def __init__(
        self, folder: Path, process: "subprocess.Popen[bytes]", environment: dict[str, str]
    ) -> None:
        self.process = process
        self.environment = environment
        self.link = folder / "apps" / "athanor"
        self.paths = Paths.under(folder / "home")

    def athanor(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command of the version that counts now."""
        return subprocess.run(
            [self.link / "athanor", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def client(self) -> Client:
        return Client.find(self.paths)

    @property
    def memory(self) -> Memory:
        return MemoryFile(self.paths.updates_file).read()


@contextmanager
def _installed(folder: Path, fault: Fault = "") -> Iterator[Installed]:
    with (
        installed_bundle(folder, now=int(time.time()), fault=fault) as (program, environment),
        (folder / "stderr").open("wb") as errors,
        subprocess.Popen(
            [program, "serve", "--json"],
            env=(around := {**os.environ, **environment}),
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline(), (folder / "stderr").read_text()
        process.stdout.close()
        try:
            yield Installed(folder, process, around)
        finally:
            process.terminate()
            process.wait(60)


def test_a_restart_puts_the_new_version_in_place_and_the_old_one_is_kept(tmp_path: Path) -> None:
    with _installed(tmp_path) as node:
        told = node.athanor("update", "install")

        assert told.returncode == 0, (told, (tmp_path / "stderr").read_text())
        assert "Fetching the new version" in told.stderr
        assert "Athanor 0.2.0 is running." in told.stdout
        assert node.process.poll() is None, "whoever supervises the server sees no end"
        assert os.readlink(node.link) == "athanor-0.2.0"
        with node.client() as client:
            assert client.state().version == "0.2.0"
            assert client.lock.port, "it answers"
            server = client.lock.pid
        trial = node.memory.trial
        assert trial is not None and trial.is_proven

        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(60) == 0
        assert wait_gone(server, 5) and not is_alive(server)


def test_a_server_ends_in_order_when_the_process_that_is_supervised_is_killed(
    tmp_path: Path,
) -> None:
    with _installed(tmp_path) as node:
        assert node.athanor("update", "install").returncode == 0
        with node.client() as client:
            server = client.lock.pid
        assert server != node.process.pid

        node.process.kill()

        assert wait_gone(server, 60)
        assert node.paths.lock_file.read_bytes() == b"", "its last act in order"


@pytest.mark.bundle
def test_a_restart_can_be_taken_back(tmp_path: Path) -> None:
    with _installed(tmp_path) as node:
        with node.client() as client:
            client.install_update(now=False)
            ended = client.lock
        assert wait_for_successor(ended, "0.2.0", node.paths, seconds_max=90).is_there

        with node.client() as client:
            assert client.look_for_update().back == "0.1.0"
            client.go_back(now=False)
            ended = client.lock
        restarted = wait_for_successor(ended, "0.1.0", node.paths, seconds_max=90)

        assert restarted.is_there, (tmp_path / "stderr").read_text()
        assert os.readlink(node.link) == "athanor-0.1.0"
        with node.client() as client:
            assert client.look_for_update().status == "blocked", "it is not offered again"


def test_a_version_that_never_serves_is_taken_back_and_not_offered_again(tmp_path: Path) -> None:
    with _installed(tmp_path, fault="never_serves") as node:
        with node.client() as client:
            client.install_update(now=False)
            ended = client.lock

        restarted = wait_for_successor(ended, "0.2.0", node.paths, seconds_max=90)

        assert (restarted.version, restarted.is_there) == ("0.1.0", False)
        assert node.process.poll() is None, "whoever supervises the server sees no end"
        assert os.readlink(node.link) == "athanor-0.1.0"
        assert node.memory.fallen == node.memory.passed_over == "0.2.0"
        with node.client() as client:
            assert client.look_for_update().status == "blocked"
            notices = [notice.key for notice in client.state().notices]
        assert "update_failed:0.2.0" in notices
        assert (node.paths.data / "kept" / "newer" / "athanor.db").is_file()


HANDOVER = """
import sys
from app.installation.handover import main
ready, end, *words = sys.argv[1:]
sys.exit(main(words, ready_seconds_max=float(ready), end_seconds_max=float(end)))
"""


@contextmanager
def _handing_over(
    folder: Path, *words: str, fault: Fault = "hangs", ready_seconds_max: int = 600
) -> Iterator[Installed]:
    """The process that hands over from 0.1.0 to a 0.2.0, which never serves and never ends."""
    old = put_bundle(folder / "apps" / "athanor-0.1.0", "0.1.0")
    put_bundle(folder / "apps" / "athanor-0.2.0", "0.2.0", fault=fault)
    (folder / "apps" / "athanor").symlink_to("athanor-0.1.0")
    memory = MemoryFile(Paths.under(folder / "home").updates_file)
    memory.write(handing_over(Memory(), version="0.2.0", previous="0.1.0"))
    environment = {
        **os.environ,
        "ATHANOR_PROGRAM": str(old),
        "ATHANOR_HOME": str(folder / "home"),
        "ATHANOR_SERVER_PORT": "0",
    }
    with subprocess.Popen(
        [sys.executable, "-c", HANDOVER, str(ready_seconds_max), "1", "serve", *words],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield Installed(folder, process, environment)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def test_a_version_that_hangs_is_ended_after_one_patience_and_the_one_before_goes_on(
    tmp_path: Path,
) -> None:
    with _handing_over(tmp_path, ready_seconds_max=3) as node:
        assert node.process.stdout is not None
        assert node.process.stdout.readline(), (node.paths.logs / "update.log").read_text()

        with node.client() as client:
            assert client.state().version == "0.1.0"
            assert client.lock.pid == node.process.pid, "it goes on in the same process"

    hung = (tmp_path / "home" / "hung").read_text().split()
    assert len(hung) == 1, "who is silent is not tried a second time"
    assert not is_alive(int(hung[0])), "it does not end when it is asked, and is ended"
    assert os.readlink(node.link) == "athanor-0.1.0"
    assert node.memory.fallen == node.memory.passed_over == "0.2.0"


def test_who_is_told_to_end_does_not_wait_for_a_version_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.mkfifo(tmp_path / "home" / "hung")
    with _handing_over(tmp_path) as node:
        hung = int((tmp_path / "home" / "hung").read_text())

        node.process.terminate()
        status = node.process.wait(60)

    assert status == 128 + signal.SIGKILL
    assert not is_alive(hung)
    assert os.readlink(node.link) == "athanor-0.2.0", "it was not judged"


def test_a_server_that_is_tethered_stays_so_through_a_handover(tmp_path: Path) -> None:
    with _handing_over(tmp_path, "--with-parent", fault="") as node:
        assert node.process.stdin is not None and node.process.stdout is not None
        assert node.process.stdout.readline(), (node.paths.logs / "update.log").read_text()
        with node.client() as client:
            assert client.state().version == "0.2.0"
            server = client.lock.pid

        node.process.stdin.close()

        assert node.process.wait(60) == 0
        assert wait_gone(server, 60)
        node.process.stdin = None
