"""The commands of the library: what is listed, what is deleted after a question, what is not."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.cli.exit_codes import Exit
from app.cli.main import main
from app.wire.library import FolderList, LibraryPicture, ModelDeleted
from tests.cli.terminal import terminal
from tests.server.models.caches import content, put_ollama
from tests.server.models.shelf import put
from tests.support.node import running_node

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a running node, and a store of Ollama beside it."""
    root = tmp_path_factory.mktemp("machine")
    put_ollama(root / "ollama", "library/tagged:1b", content("Tagged"))
    put(root / "home" / "models" / "mine-Q4_0.gguf", name="Mine")
    with running_node(root / "home", environment=environment(root)):
        yield root


def environment(root: Path) -> dict[str, str]:
    return {
        "HOME": str(root / "person"),
        "OLLAMA_MODELS": str(root / "ollama"),
        "ATHANOR_MODELS_OTHER_APPS": "true",
        "ATHANOR_MODELS_STARTER": "false",
    }


@pytest.fixture
def root(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process is a client of that node."""
    for name, value in {**environment(machine), "ATHANOR_HOME": str(machine / "home")}.items():
        monkeypatch.setenv(name, value)
    return machine


def _json(capsys: Captured, *arguments: str) -> bytes:
    assert main([*arguments, "--json"]) == Exit.OK
    return capsys.readouterr().out.encode()


def test_models_says_where_each_comes_from(root: Path, capsys: Captured) -> None:
    assert main(["models"]) == Exit.OK

    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "FROM" in lines["NAME"]
    assert "Ollama" in lines["tagged:1b"]
    assert "Athanor" in lines["mine:q4_0"]


def test_without_a_server_the_same_is_listed(
    root: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = msgspec.json.decode(_json(capsys, "models"), type=LibraryPicture)
    monkeypatch.setenv("ATHANOR_HOME", str(root / "other home"))

    alone = msgspec.json.decode(_json(capsys, "models"), type=LibraryPicture)

    assert (served.is_serving, alone.is_serving) == (True, False)
    assert [model.name for model in alone.models] == ["tagged:1b"]
    assert alone.models[0].found == "found in Ollama"


def test_rm_asks_with_the_size_and_takes_no_for_an_answer(root: Path) -> None:
    path = put(root / "home" / "models" / "asked-Q4_0.gguf", name="Asked")

    with terminal("rm", "asked", home=root / "home") as screen:
        screen.expect(str(path))
        screen.expect(f"Delete asked:q4_0 ({path.stat().st_size} B)?")
        screen.type("n\r")
        screen.expect("Nothing was deleted.")
        assert screen.ended() == Exit.FAILED

    assert path.exists()


def test_rm_deletes_when_it_may(root: Path, capsys: Captured) -> None:
    path = put(root / "home" / "models" / "going-Q4_0.gguf", name="Going")
    size = path.stat().st_size

    with terminal("rm", "going", home=root / "home") as screen:
        screen.expect("Delete going:q4_0")
        screen.type("y\r")
        screen.expect("going:q4_0 is deleted;")
        assert screen.ended() == Exit.OK
    assert not path.exists()

    put(path, name="Going")
    deleted = msgspec.json.decode(_json(capsys, "rm", "going", "--yes"), type=ModelDeleted)
    assert (deleted.paths, deleted.freed_bytes) == ((str(path),), size)


def test_rm_in_a_script_needs_to_be_told_that_it_may(root: Path, capsys: Captured) -> None:
    assert main(["rm", "mine"]) == Exit.USAGE

    assert "Add --yes" in capsys.readouterr().err
    assert (root / "home" / "models" / "mine-Q4_0.gguf").exists()


def test_rm_of_another_programs_model_says_how_it_is_deleted_there(
    root: Path, capsys: Captured
) -> None:
    assert main(["rm", "tagged:1b", "--yes"]) == Exit.FAILED

    error = capsys.readouterr().err
    assert "is not Athanor's to delete (found in Ollama)" in error
    assert "`ollama rm tagged:1b`" in error
    assert os.listdir(root / "ollama" / "blobs")


def test_folders_are_listed_added_and_taken_out(
    root: Path, tmp_path: Path, capsys: Captured
) -> None:
    put(tmp_path / "more" / "extra-Q8_0.gguf", name="Extra")

    assert main(["folders", "add", str(tmp_path / "more")]) == Exit.OK
    assert f"{tmp_path / 'more'} is offered: 1 model," in capsys.readouterr().out
    listed = msgspec.json.decode(_json(capsys, "folders", "list"), type=FolderList)
    assert main(["folders", "list"]) == Exit.OK
    table = capsys.readouterr().out
    assert main(["folders", "remove", str(tmp_path / "more")]) == Exit.OK
    capsys.readouterr()

    origins = {folder.path: folder.origin for folder in listed.folders}
    assert origins[str(tmp_path / "more")] == "folder"
    assert origins[str(root / "ollama")] == "ollama"
    assert str(root / "ollama") in table and "WHOSE" in table
    left = msgspec.json.decode(_json(capsys, "folders", "list"), type=FolderList)
    assert str(tmp_path / "more") not in {folder.path for folder in left.folders}


def test_a_folder_that_is_not_there_is_refused(root: Path, capsys: Captured) -> None:
    assert main(["folders", "add", "/nowhere/at/all"]) == Exit.FAILED

    assert "there is no folder or GGUF file /nowhere/at/all" in capsys.readouterr().err
