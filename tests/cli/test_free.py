"""Laws of `athanor free` and its kin against a real node."""

import msgspec
import psutil
import pytest

from app.cli.exit_codes import Exit
from app.cli.main import main
from app.client.client import Client
from app.settings.paths import Paths
from app.wire.sharing import FreeAnswer, NeighbourAnswer, NeighbourPicture
from tests.support.node import RunningNode

Captured = pytest.CaptureFixture[str]


def _json(capsys: Captured, *arguments: str) -> bytes:
    assert main([*arguments, "--json"]) == Exit.OK
    return capsys.readouterr().out.encode()


def test_memory_is_freed_held_and_used_again(node: RunningNode, capsys: Captured) -> None:
    assert main(["load", "toy"]) == 0
    with Client.find(Paths.find()) as client:
        pid = client.state().engines[0].pid
    capsys.readouterr()
    assert pid is not None

    freed = msgspec.json.decode(_json(capsys, "free", "--all", "--for", "2h"), type=FreeAnswer)
    assert [each.model for each in freed.ended] == ["toy"]
    assert freed.is_back and not psutil.pid_exists(pid)

    held = msgspec.json.decode(_json(capsys, "neighbour"), type=NeighbourAnswer).neighbour
    assert held.refuses_loads and held.memory == "free"
    assert held.summary.startswith("asleep: memory was freed, resumes in")

    assert main(["status"]) == 0
    assert "asleep: memory was freed" in capsys.readouterr().out

    resumed = msgspec.json.decode(_json(capsys, "resume"), type=NeighbourPicture)
    assert (resumed.memory, resumed.held_until) == ("keep", None)
    assert main(["load", "toy"]) == 0


def test_words_say_what_json_says(node: RunningNode, capsys: Captured) -> None:
    assert main(["free"]) == 0
    assert main(["snooze", "90m", "--finish"]) == 0
    assert main(["neighbour"]) == 0
    assert main(["resume"]) == 0

    out = capsys.readouterr().out
    assert "This machine has no GPU; `athanor free --all`" in out
    assert "Lending: not lending: you have not turned it on." in out
    assert "FACT" in out and "last input" in out


@pytest.mark.parametrize("length", ["tomorrow", "-5", "1w", ""])
def test_what_is_no_length_of_time_is_refused(
    node: RunningNode, capsys: Captured, length: str
) -> None:
    assert main(["free", f"--for={length}"]) == Exit.USAGE

    assert "no length of time" in capsys.readouterr().err
