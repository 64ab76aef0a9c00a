"""The commands against a real node: their words, their JSON, their exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from app.cli.bench.command import BenchResult
from app.cli.doctor.finding import DoctorReport
from app.cli.exit_codes import Exit
from app.cli.main import main
from app.cli.status import EngineList
from app.cli.stop import Stopped
from app.client.client import Client
from app.client.process import wait_gone
from app.settings.paths import Paths
from app.wire.library import LibraryPicture
from app.wire.local import (
    KeyList,
    KeyMade,
    KeyPicture,
    LoadAnswer,
    NodeEvent,
    NodePicture,
    UnloadAnswer,
)
from tests.cli.terminal import ROOT, terminal
from tests.support.node import RunningNode, put_toy, running_node

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for the whole file, with a model that loads slowly and a file that is none."""
    home = tmp_path_factory.mktemp("commands") / "home"
    toy, slow = put_toy(home), put_toy(home, "slow-model", load_seconds=1.0)
    models = Paths.under(home).models
    models.mkdir(parents=True, exist_ok=True)
    (models / "broken.gguf").write_bytes(b"not a model")
    (home / "config.toml").write_text(f"[models]\nfolders = ['{toy}', '{slow}']\n")
    with running_node(home) as node:
        yield node


@pytest.fixture(autouse=True)
def _home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is a client of that node, unless the test has a home of its own."""
    if "home" not in request.fixturenames:
        served: RunningNode = request.getfixturevalue("served")
        monkeypatch.setenv("ATHANOR_HOME", str(served.home))


def _json(capsys: Captured, *arguments: str, code: int = Exit.OK) -> bytes:
    assert main([*arguments, "--json"]) == code
    return capsys.readouterr().out.encode()


def test_load_ps_and_unload_tell_the_same_model(capsys: Captured) -> None:
    loaded = msgspec.json.decode(_json(capsys, "load", "toy"), type=LoadAnswer)
    listed = msgspec.json.decode(_json(capsys, "ps"), type=EngineList)
    unloaded = msgspec.json.decode(_json(capsys, "unload", "toy"), type=UnloadAnswer)
    after = msgspec.json.decode(_json(capsys, "ps"), type=EngineList)

    assert (loaded.engine.model, loaded.engine.status) == ("toy", "loaded")
    assert "toy" in [engine.model for engine in listed.engines]
    assert (unloaded.model, unloaded.was_loaded) == ("toy", True)
    assert "toy" not in [engine.model for engine in after.engines]


def test_load_takes_wishes(capsys: Captured) -> None:
    loaded = msgspec.json.decode(_json(capsys, "load", "toy", "--context", "512"), type=LoadAnswer)

    assert loaded.engine.context == 512


def test_words_say_what_json_says(capsys: Captured) -> None:
    assert main(["load", "toy"]) == 0
    assert main(["ps"]) == 0
    assert main(["unload", "toy"]) == 0
    assert main(["unload", "toy"]) == 0

    out = capsys.readouterr().out
    assert "toy is ready after" in out
    assert "MODEL" in out and "loaded" in out
    assert "toy is unloaded; its memory is free.\ntoy was not loaded.\n" in out


@pytest.mark.parametrize("command", ["load", "unload"])
def test_an_unknown_model_is_not_found(capsys: Captured, command: str) -> None:
    assert main([command, "slow-modl"]) == Exit.NOT_FOUND

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Did you mean 'slow-model'?" in captured.err


def test_a_broken_file_cannot_be_loaded_and_says_why_and_what_to_do(capsys: Captured) -> None:
    assert main(["load", "broken"]) == Exit.FAILED

    why, what_to_do, rest = capsys.readouterr().err.split("\n")
    assert why.startswith("error: ") and why.endswith("no GGUF file")
    assert what_to_do.startswith("Download the file again") and not rest


def test_a_refusal_of_the_server_has_its_word_and_its_remedy_in_json(capsys: Captured) -> None:
    error = json.loads(_json(capsys, "load", "broken", code=Exit.FAILED))["error"]

    assert error["kind"] == "model_file_invalid"
    assert error["message"].endswith("no GGUF file")
    assert error["remedy"].startswith("Download the file again")


def test_models_lists_what_there_is_and_what_cannot_be_used(capsys: Captured) -> None:
    found = msgspec.json.decode(_json(capsys, "models"), type=LibraryPicture)

    assert found.is_serving
    assert {model.name for model in found.models} == {"toy", "slow-model"}
    assert [broken.name for broken in found.broken] == ["broken"]
    assert "no GGUF" in found.broken[0].refusal

    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "CANNOT BE USED" in out and "toy" in out


def test_models_works_without_a_server(home: Path, capsys: Captured) -> None:
    toy = put_toy(home)
    (home / "config.toml").write_text(f"[models]\nfolders = ['{toy}']\n")

    found = msgspec.json.decode(_json(capsys, "models"), type=LibraryPicture)

    assert not found.is_serving
    assert [(model.name, model.status) for model in found.models] == [("toy", "unloaded")]


def test_status_shows_the_picture(served: RunningNode, capsys: Captured) -> None:
    picture = msgspec.json.decode(_json(capsys, "status"), type=NodePicture)

    assert picture.status == "serving"
    assert served.base_url in picture.addresses
    assert main(["status"]) == 0
    assert served.base_url in capsys.readouterr().out


def test_watching_tells_every_event_of_a_load_on_its_own_line(served: RunningNode) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app", "status", "--watch", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "ATHANOR_HOME": str(served.home)},
    ) as process:
        assert process.stdout is not None
        events = (msgspec.json.decode(line, type=NodeEvent) for line in process.stdout)
        first = next(events)

        with Client.find(Paths.under(served.home)) as client:
            client.unload("toy")
            client.load(_request("toy"))
        seen = [first, *_until_loaded(events)]
        process.kill()

    numbers = [event.number for event in seen]
    assert first.happened == "picture"
    assert numbers == sorted(set(numbers))


def _request(model: str) -> "msgspec.Struct":
    from app.wire.local import LoadRequest

    return LoadRequest(model=model)


def _until_loaded(events: Iterator[NodeEvent]) -> Iterator[NodeEvent]:
    for event in events:
        yield event
        if any(e.model == "toy" and e.status == "loaded" for e in event.picture.engines):
            return


def test_a_load_shows_its_progress_on_a_terminal(served: RunningNode, capsys: Captured) -> None:
    main(["unload", "slow-model"])

    with terminal("load", "slow-model", home=served.home) as screen:
        screen.expect("loading slow-model")
        screen.expect("slow-model is ready after")

        assert screen.ended() == Exit.OK


def test_a_key_is_made_listed_used_and_revoked(served: RunningNode, capsys: Captured) -> None:
    made = msgspec.json.decode(_json(capsys, "keys", "add", "phone"), type=KeyMade)
    listed = msgspec.json.decode(_json(capsys, "keys", "list"), type=KeyList)
    answer = httpx.get(f"{served.base_url}/models", headers=_bearer(made.secret))
    revoked = msgspec.json.decode(_json(capsys, "keys", "revoke", "phone"), type=KeyPicture)

    assert made.key.scope == "inference"
    assert made.key in [msgspec.structs.replace(key, last_used_at=None) for key in listed.keys]
    assert made.secret not in json.dumps([msgspec.to_builtins(key) for key in listed.keys])
    assert answer.status_code == 200
    assert (revoked.id, revoked.revoked_at is None) == (made.key.id, False)


def test_a_key_in_a_pipe_is_the_secret_alone(capsys: Captured) -> None:
    assert main(["keys", "add", "script", "--admin"]) == 0

    captured = capsys.readouterr()
    assert len(captured.out.split()) == 1
    assert "'script' (admin" in captured.err
    assert captured.out.strip() not in captured.err


def test_a_key_can_be_made_before_the_first_server_runs(home: Path, capsys: Captured) -> None:
    made = msgspec.json.decode(_json(capsys, "keys", "add", "first"), type=KeyMade)

    with running_node(home) as node:
        answer = httpx.get(f"{node.root_url}/health", headers=_bearer(made.secret))
        listed = msgspec.json.decode(_json(capsys, "keys", "list"), type=KeyList)

    assert answer.status_code == 200
    assert [key.id for key in listed.keys] == [made.key.id]


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_an_unknown_key_is_not_found(capsys: Captured) -> None:
    assert main(["keys", "revoke", "nobody"]) == Exit.NOT_FOUND

    assert "there is no key in force called nobody" in capsys.readouterr().err


def test_bench_measures_reading_and_writing_at_each_number_of_streams(capsys: Captured) -> None:
    sizes = ["--prompt-tokens", "32", "--answer-tokens", "8", "--streams", "1,2"]

    out = _json(capsys, "bench", "toy", *sizes, "--repetitions", "2")

    result = msgspec.json.decode(out, type=BenchResult)
    assert [(f.test, f.streams) for f in result.figures] == [
        *(("pp32", 1), ("tg8", 1), ("ttft32", 1)),
        *(("pp32", 2), ("tg8", 2), ("ttft32", 2)),
    ]
    assert all(0 < f.low <= f.median <= f.high for f in result.figures)
    assert [len(f.samples) for f in result.figures] == [2, 2, 2, 2, 2, 4]


def test_bench_refuses_what_the_context_cannot_hold(capsys: Captured) -> None:
    assert main(["bench", "toy", "--context", "256"]) == Exit.FAILED

    assert "513 tokens are needed" in capsys.readouterr().err


def test_the_doctor_finds_a_running_node_well(served: RunningNode, capsys: Captured) -> None:
    report = msgspec.json.decode(_json(capsys, "doctor"), type=DoctorReport)

    assert report.is_well
    by_subject = {finding.about: finding for finding in report.findings}
    assert served.base_url in by_subject["server"].message
    assert by_subject["engine"].verdict == "ok" if "engine" in by_subject else True


@pytest.mark.parametrize("words", ["check", "install"])
def test_without_the_publishers_keys_an_update_is_refused_before_anything_is_announced(
    words: str, capsys: Captured
) -> None:
    assert main(["update", words]) != Exit.OK

    told = capsys.readouterr().err
    assert "updates are off: this copy of Athanor was built without its publisher's keys" in told
    assert "Get new versions where you got this one." in told
    assert "Fetching" not in told
    assert "updates.address" not in told


def test_a_second_server_is_refused(served: RunningNode, capsys: Captured) -> None:
    assert main(["serve", "--port", "0"]) == Exit.SERVER

    error = capsys.readouterr().err
    assert f"a server runs already at 127.0.0.1:{served.base_url.split(':')[2][:-3]}" in error
    assert "athanor stop" in error


def test_serve_refuses_a_file_that_is_not_there(home: Path, capsys: Captured) -> None:
    assert main(["serve", "--model", "/nowhere/x.gguf"]) == Exit.NOT_FOUND

    assert "there is no file /nowhere/x.gguf" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"), [("bad.gguf", "no GGUF file"), ("notes.txt", "no GGUF file")]
)
def test_serve_refuses_a_named_file_that_is_no_model(
    home: Path, capsys: Captured, name: str, words: str
) -> None:
    (home / name).write_bytes(b"not a model")

    assert main(["serve", "--model", str(home / name)]) == Exit.FAILED

    assert words in capsys.readouterr().err


def test_stop_ends_the_server_and_says_when_it_is_gone(home: Path, capsys: Captured) -> None:
    with running_node(home) as node:
        stopped = msgspec.json.decode(_json(capsys, "stop"), type=Stopped)

        assert stopped == Stopped(pid=node.process.pid, was_forced=False)
        assert wait_gone(node.process.pid, 0)
    assert main(["stop"]) == Exit.SERVER


def test_serve_greets_with_address_curl_and_log(home: Path) -> None:
    toy = put_toy(home)

    with terminal("serve", "--port", "0", "--model", str(toy), home=home) as screen:
        screen.expect("is serving; Ctrl-C stops it.")
        screen.expect("http://127.0.0.1:")
        screen.expect("1 found")
        screen.expect(str(home / "logs"))
        screen.expect("curl http://127.0.0.1:")
        screen.expect("/v1/chat/completions")
        screen.expect('"model":"toy"')
        screen.type("\x03")

        assert screen.ended() == Exit.OK


def test_serve_without_models_says_where_to_put_them(home: Path) -> None:
    with terminal("serve", "--port", "0", "--starter", "false", home=home) as screen:
        screen.expect("none found yet")
        screen.expect(f"put GGUF files into {home / 'models'}")
        screen.type("\x03")

        assert screen.ended() == Exit.OK
