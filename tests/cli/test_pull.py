"""pull, search, downloads and the catalogue: a real node, a real child, a hub on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.cli.exit_codes import Exit
from app.cli.main import main
from app.wire.local import DownloadPicture
from app.wire.remote import CataloguePicture, DownloadList, RemoteModel, SearchAnswer
from tests.cli.terminal import CTRL_C, terminal
from tests.server.models.assemble import Gguf, Tensor
from tests.support.hub import Hub, running_hub
from tests.support.node import RunningNode, running_node

REPOSITORY = "someone/Some-GGUF"
PAST_HEADER = 640 * 1024
"""Bytes after which answers stop: the header was read, the file is not whole."""

FLAGS = ("--disk-free-bytes-min", "0")

Captured = pytest.CaptureFixture[str]


def model(numbers: int) -> bytes:
    """A valid model whose layer takes 128 bytes for each of `numbers`."""
    file = Gguf()
    file.tensors.append(Tensor("blk.0.ffn_up.weight", (32, numbers)))
    return file.content()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        running.add(REPOSITORY, {"some-Q4_0.gguf": model(4096), "some-Q8_0.gguf": model(8192)})
        yield running


@pytest.fixture
def served(home: Path, hub: Hub) -> Iterator[RunningNode]:
    with running_node(home, *FLAGS, environment=hub.environment) as node:
        yield node


def printed(captured: Captured, shape: type) -> object:
    return msgspec.json.decode(captured.readouterr().out, type=shape)


def test_a_pulled_model_is_in_the_library_under_its_name(
    served: RunningNode, capsys: Captured
) -> None:
    assert main(["pull", f"{REPOSITORY}:Q4_0", "--json"]) == Exit.OK

    done = printed(capsys, DownloadPicture)
    assert isinstance(done, DownloadPicture)
    assert (done.status, done.model) == ("done", "some:q4_0")
    assert main(["models", "--json"]) == Exit.OK
    names = [one["name"] for one in json.loads(capsys.readouterr().out)["models"]]
    assert "some:q4_0" in names


def test_without_a_quantisation_the_choice_is_told_with_its_reason(
    served: RunningNode, capsys: Captured
) -> None:
    assert main(["pull", REPOSITORY]) == Exit.OK

    told = capsys.readouterr()
    assert "some:q8_0 is here" in told.out
    assert "Q8_0 is the usual choice" in told.err


def test_a_search_and_a_repository_are_told_with_what_fits(
    served: RunningNode, capsys: Captured
) -> None:
    assert main(["search", "some", "--json"]) == Exit.OK
    found = printed(capsys, SearchAnswer)
    assert main(["search", REPOSITORY, "--json"]) == Exit.OK
    shown = printed(capsys, RemoteModel)

    assert isinstance(found, SearchAnswer) and isinstance(shown, RemoteModel)
    assert [result.repository for result in found.results] == [REPOSITORY]
    assert [(one.tag, one.fit.fits) for one in shown.variants] == [
        ("Q4_0", "wholly"),
        ("Q8_0", "wholly"),
    ]
    assert main(["search", REPOSITORY]) == Exit.OK
    assert "Q8_0 *" in capsys.readouterr().out


def test_the_catalogue_is_listed_and_nobody_is_asked(
    served: RunningNode, hub: Hub, capsys: Captured
) -> None:
    assert main(["models", "--remote", "--json"]) == Exit.OK

    catalogue = printed(capsys, CataloguePicture)
    assert isinstance(catalogue, CataloguePicture)
    assert len(catalogue.models) > 30
    assert all(model.recommended for model in catalogue.models)
    assert hub.asked == []


def test_downloads_are_listed_paused_resumed_and_cancelled(
    served: RunningNode, hub: Hub, capsys: Captured
) -> None:
    hub.hold_after = PAST_HEADER
    assert main(["pull", REPOSITORY, "--no-wait", "--json"]) == Exit.OK
    begun = printed(capsys, DownloadPicture)
    assert isinstance(begun, DownloadPicture)

    assert main(["downloads", "pause", begun.id, "--json"]) == Exit.OK
    paused = printed(capsys, DownloadPicture)
    assert main(["downloads", "list", "--json"]) == Exit.OK
    listed = printed(capsys, DownloadList)
    assert main(["downloads", "cancel", REPOSITORY, "--json"]) == Exit.OK
    capsys.readouterr()
    assert main(["downloads", "list"]) == Exit.OK

    assert isinstance(paused, DownloadPicture) and isinstance(listed, DownloadList)
    assert (paused.status, paused.cause) == ("paused", "asked")
    assert listed.downloads == (paused,)
    assert "There are no downloads" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["pull", "no-such-model"], Exit.NOT_FOUND, "catalogue has no"),
        (["pull", "nobody/Nothing"], Exit.NOT_FOUND, "no repository"),
        (["pull", f"{REPOSITORY}:Q2_K"], Exit.NOT_FOUND, "It has Q4_0, Q8_0."),
        (["pull", "https://evil.test/a/b"], Exit.FAILED, "not the model hub"),
        (["downloads", "pause", "zzz"], Exit.NOT_FOUND, "downloads list"),
    ],
)
def test_what_cannot_be_had_is_told_in_a_sentence(
    served: RunningNode, capsys: Captured, words: list[str], code: Exit, said: str
) -> None:
    assert main(words) == code

    assert said in capsys.readouterr().err


def test_ctrl_c_pauses_and_says_how_to_go_on_without_a_server_running(
    home: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hub.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ATHANOR_DOWNLOADS_DISK_FREE_BYTES_MIN", "0")
    hub.hold_after = PAST_HEADER
    with terminal("pull", f"{REPOSITORY}:Q8_0", home=home) as screen:
        screen.expect("downloading")
        assert hub.held.wait(60)
        code = screen.press_until_ended(CTRL_C)
    hub.hold_after = None
    hub.released.set()

    assert code == Exit.INTERRUPTED
    assert "goes on from there" in screen.shown
    with terminal("pull", f"{REPOSITORY}:Q8_0", home=home) as screen:
        screen.expect("some:q8_0 is here")
