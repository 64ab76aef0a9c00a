"""Two machines on one cable, as two network namespaces: the cable is pulled in mid-stream."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server.host.test_failover import TEXT, TOKENS
from tests.support.namespaces import End, two_machines
from tests.tidy.source import ROOT

NETWORK, ELSEWHERE = "10.117.43.0/24", "10.117.43.3"
LIMIT_SECONDS = 60


@pytest.fixture
def cable() -> Iterator[tuple[End, End]]:
    """Two machines on it."""
    with two_machines(NETWORK) as ends:
        yield ends


class Far:
    """A process of tests/support/far on one of the machines."""

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
def far(end: End, log: Path, words: Sequence[str]) -> Iterator[Far]:
    command = end.command(sys.executable, "-m", "tests.support.far", *words)
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
            yield Far(process)
        finally:
            process.kill() if words[0] == "worker" else process.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 4, TOKENS - 2])
def test_an_answer_goes_on_when_the_cable_is_back(
    tmp_path: Path, cable: tuple[End, End], at: int
) -> None:
    here, there = cable
    with far(here, tmp_path / "host.log", ["host", str(tmp_path / "pool"), here.address]) as host:
        club = host.hear("invite")
        words = ["worker", str(tmp_path), str(club["invite"]), str(club["model"])]
        with far(there, tmp_path / "far.log", [*words, str(club["sha256"])]) as worker:
            worker.hear("session")
            host.go()
            for token in range(TOKENS):
                assert worker.hear("waits_at")["waits_at"] == token
                if token == at:
                    there.cut()
                if token == at + 1:
                    # Its word was said into a cable that leads nowhere.
                    there.mend()
                worker.go()
            answer, verdicts = host.hear("text"), worker.hear("verdicts")

            assert answer["text"] == TEXT
            assert answer["held"] == 0
            assert (verdicts["verdicts"], verdicts["sessions_lost"]) == (1, [])


@pytest.mark.slow
def test_an_answer_goes_on_when_the_machine_comes_back_under_another_address(
    tmp_path: Path, cable: tuple[End, End]
) -> None:
    # As when a laptop changes networks: its old connection is never heard of again.
    here, there = cable
    with far(here, tmp_path / "host.log", ["host", str(tmp_path / "pool"), here.address]) as host:
        club = host.hear("invite")
        words = ["worker", str(tmp_path), str(club["invite"]), str(club["model"])]
        with far(there, tmp_path / "far.log", [*words, str(club["sha256"])]) as worker:
            worker.hear("session")
            host.go()
            for token in range(TOKENS):
                worker.hear("waits_at")
                if token == 4:
                    there.move(ELSEWHERE)
                worker.go()
            answer, verdicts = host.hear("text"), worker.hear("verdicts")

            assert answer["text"] == TEXT
            assert (verdicts["verdicts"], verdicts["sessions_lost"]) == (1, [])
            assert len([word for word in verdicts["lives"] if word == "connected"]) == 2
