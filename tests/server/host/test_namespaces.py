"""Two machines on one cable, as two network namespaces: the cable is pulled in mid-stream."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server.host.test_failover import TEXT, TOKENS
from tests.tidy.source import ROOT

HERE, THERE, ELSEWHERE = "10.117.43.1", "10.117.43.2", "10.117.43.3"
LIMIT_SECONDS = 60


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """Names of two namespaces, joined by a cable; `cable` in each is its end."""
    mine, other = f"athanor-a{os.getpid()}", f"athanor-b{os.getpid()}"
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux, root and iproute2")
    try:
        ip("netns", "add", mine)
        ip("netns", "add", other)
        ip("-n", mine, "link", "add", "cable", "type", "veth", "peer", "cable", "netns", other)
    except subprocess.CalledProcessError as error:
        _remove(mine, other)
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        for name, address in ((mine, HERE), (other, THERE)):
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
        yield mine, other
    finally:
        _remove(mine, other)


def _remove(*names: str) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


class End:
    """A process of tests/support/far in a namespace."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def hear(self, word: str) -> dict[str, object]:
        """What it says next with this word in it; others are passed over."""
        while True:
            said: dict[str, object] = json.loads(self._lines.get(timeout=LIMIT_SECONDS))
            if word in said:
                return said

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()


@contextmanager
def end(namespace: str, log: Path, words: Sequence[str]) -> Iterator[End]:
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "tests.support.far", *words]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            yield End(process)
        finally:
            process.kill() if words[0] == "worker" else process.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 4, TOKENS - 2])
def test_an_answer_goes_on_when_the_cable_is_back(
    tmp_path: Path, cable: tuple[str, str], at: int
) -> None:
    mine, other = cable
    with end(mine, tmp_path / "host.log", ["host", str(tmp_path / "pool"), HERE]) as host:
        club = host.hear("invite")
        words = ["worker", str(tmp_path), str(club["invite"]), str(club["model"])]
        with end(other, tmp_path / "far.log", [*words, str(club["sha256"])]) as far:
            far.hear("session")
            host.go()
            for token in range(TOKENS):
                assert far.hear("waits_at")["waits_at"] == token
                if token == at:
                    ip("-n", other, "link", "set", "cable", "down")
                if token == at + 1:
                    # Its word was said into a cable that leads nowhere.
                    ip("-n", other, "link", "set", "cable", "up")
                far.go()
            answer, verdicts = host.hear("text"), far.hear("verdicts")

            assert answer["text"] == TEXT
            assert answer["held"] == 0
            assert (verdicts["verdicts"], verdicts["sessions_lost"]) == (1, [])


@pytest.mark.slow
def test_an_answer_goes_on_when_the_machine_comes_back_under_another_address(
    tmp_path: Path, cable: tuple[str, str]
) -> None:
    # As when a laptop changes networks: its old connection is never heard of again.
    mine, other = cable
    with end(mine, tmp_path / "host.log", ["host", str(tmp_path / "pool"), HERE]) as host:
        club = host.hear("invite")
        words = ["worker", str(tmp_path), str(club["invite"]), str(club["model"])]
        with end(other, tmp_path / "far.log", [*words, str(club["sha256"])]) as far:
            far.hear("session")
            host.go()
            for token in range(TOKENS):
                far.hear("waits_at")
                if token == 4:
                    ip("-n", other, "address", "delete", f"{THERE}/24", "dev", "cable")
                    ip("-n", other, "address", "add", f"{ELSEWHERE}/24", "dev", "cable")
                far.go()
            answer, verdicts = host.hear("text"), far.hear("verdicts")

            assert answer["text"] == TEXT
            assert (verdicts["verdicts"], verdicts["sessions_lost"]) == (1, [])
            assert len([word for word in verdicts["lives"] if word == "connected"]) == 2
