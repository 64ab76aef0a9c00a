"""`athanor settings`, in this process."""

import json
from pathlib import Path

import pytest

from app.cli.main import main
from app.settings.fields import FIELDS
from tests.support.node import RunningNode

Captured = pytest.CaptureFixture[str]


def test_show_lists_every_setting_with_its_origin(home: Path, capsys: Captured) -> None:
    (home / "config.toml").write_text("[server]\nport = 8000\n")

    assert main(["settings", "show", "--json"]) == 0

    shown = {s["name"]: s for s in json.loads(capsys.readouterr().out)["settings"]}
    assert list(shown) == list(FIELDS)
    assert shown["server.port"]["value"] == 8000
    assert shown["server.port"]["origin"] == f"{home / 'config.toml'} line 2"
    assert shown["server.host"]["origin"] == "default"


def test_show_of_one_tells_what_is_allowed(home: Path, capsys: Captured) -> None:
    assert main(["settings", "show", "server.port"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("server.port = 7117  (default)\n")
    assert "allowed: a whole number from 0 to 65535\n" in out
    assert "environment: ATHANOR_SERVER_PORT; flag: --port" in out


def test_set_then_unset_leave_the_rest_of_the_file(home: Path, capsys: Captured) -> None:
    file = home / "config.toml"
    file.write_text("# mine\n[engine]\nthreads = 2\n")

    assert main(["settings", "set", "server.port", "8000"]) == 0
    assert file.read_text() == "# mine\n[engine]\nthreads = 2\n\n[server]\nport = 8000\n"

    assert main(["settings", "unset", "server.port"]) == 0
    assert file.read_text() == "# mine\n[engine]\nthreads = 2\n\n[server]\n"


def test_a_running_server_goes_by_it_at_once_or_it_is_said_when(
    node: RunningNode, capsys: Captured
) -> None:
    assert main(["settings", "set", "neighbour.exclusive_programs", "blender"]) == 0
    assert "The running server goes by it now." in capsys.readouterr().err

    assert main(["settings", "set", "server.requests_max", "9"]) == 0
    assert "when the server starts again: `athanor stop`" in capsys.readouterr().err

    assert main(["settings", "set", "server.port", "9999"]) == 0
    assert "started with another value, which wins" in capsys.readouterr().err

    assert main(["settings", "unset", "neighbour.exclusive_programs"]) == 0
    assert "The running server goes by it now." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["set", "server.port", "x"], 2, "allowed: a whole number from 0 to 65535"),
        (["set", "server.prot", "1"], 4, "did you mean server.port?"),
        (["unset", "nothing"], 4, "there is no setting nothing"),
        (["show", "server.prot"], 4, "did you mean server.port?"),
        (["set", "server.port"], 2, "Missing argument 'VALUE'"),
    ],
)
def test_a_wrong_name_or_value_is_refused_in_one_sentence(
    home: Path, capsys: Captured, arguments: list[str], code: int, words: str
) -> None:
    assert main(["settings", *arguments]) == code

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert words in captured.err
    assert "Traceback" not in captured.err
    assert not (home / "config.toml").exists()


def test_a_wrong_file_is_told_with_its_line_and_the_usage_code(
    home: Path, capsys: Captured
) -> None:
    (home / "config.toml").write_text("\n[server]\nport = 70000\n")

    assert main(["settings", "show"]) == 2

    error = capsys.readouterr().err
    assert f"{home / 'config.toml'} line 3: server.port is 70000; allowed:" in error


def test_set_warns_when_a_variable_wins_over_the_file(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATHANOR_SERVER_PORT", "9000")

    assert main(["settings", "set", "server.port", "8000"]) == 0

    assert "ATHANOR_SERVER_PORT is set and wins" in capsys.readouterr().err


def test_path_shows_where_things_are(home: Path, capsys: Captured) -> None:
    assert main(["settings", "path", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["config_file"] == str(home / "config.toml")
    assert shown["models"] == str(home / "models")
