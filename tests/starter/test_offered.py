"""Laws of a node whose library is empty: it answers all the same, and says by what."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from app.cli.exit_codes import Exit
from app.core.models.demonstration import DESCRIPTION, REMEDY
from app.settings.assets import ASSETS_VARIABLE
from app.wire.local import NodePicture
from tests.cli.terminal import CTRL_C, CTRL_D, PROMPT, ROOT, terminal
from tests.gguf_made import GgufStore
from tests.support.assets import STARTER, alter, put_assets, starter_of
from tests.support.node import RunningNode, running_node

pytestmark = pytest.mark.model


def listed(node: RunningNode) -> list[str]:
    return [model["id"] for model in httpx.get(f"{node.base_url}/models").json()["data"]]


def ask(node: RunningNode, model: str | None) -> httpx.Response:
    body: dict[str, object] = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
    if model is not None:
        body["model"] = model
    return httpx.post(f"{node.base_url}/chat/completions", json=body, timeout=90)


def picture(node: RunningNode) -> NodePicture:
    answer = httpx.get(
        f"{node.root_url}/local/state", headers={"Authorization": f"Bearer {node.token}"}
    )
    return msgspec.json.decode(answer.content, type=NodePicture)


def notices(node: RunningNode) -> list[str]:
    return [f"{notice.message} {notice.remedy}".rstrip() for notice in picture(node).notices]


def in_environment(assets: Path) -> dict[str, str]:
    return {ASSETS_VARIABLE: str(assets)}


def athanor(home: Path, assets: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **in_environment(assets), "ATHANOR_HOME": str(home)},
        timeout=120,
        check=False,
    )


def test_an_empty_library_answers_by_the_demonstration_and_every_face_says_so(
    home: Path, made_assets: Path
) -> None:
    with running_node(home, environment=in_environment(made_assets)) as node:
        (model,) = httpx.get(f"{node.base_url}/models").json()["data"]
        assert (model["id"], model["is_demonstration"]) == (STARTER, True)
        assert model["description"] == f"{DESCRIPTION} {REMEDY}"

        for name in (None, "", "default", STARTER):
            answer = ask(node, name)
            assert answer.status_code == 200, answer.text
            assert answer.json()["usage"]["completion_tokens"] == 2

        shown = picture(node)
        assert [(engine.model, engine.is_demonstration) for engine in shown.engines] == [
            (STARTER, True)
        ]
        assert f"{STARTER} (demonstration): " in shown.summary
        (notice,) = shown.notices
        assert (notice.severity, notice.remedy) == ("info", REMEDY)
        assert STARTER in notice.message and DESCRIPTION in notice.message

        for command in ("ps", "status", "models"):
            assert f"{STARTER} (demonstration)" in athanor(home, made_assets, command).stdout
        assert REMEDY in athanor(home, made_assets, "load", STARTER).stderr


def test_the_pages_propose_questions_that_the_demonstration_can_answer(
    home: Path, made_assets: Path
) -> None:
    with running_node(home, environment=in_environment(made_assets)) as node:
        link = athanor(home, made_assets, "dashboard", "--no-browser").stdout.strip()
        with httpx.Client(follow_redirects=True) as browser:
            browser.get(link)
            start = browser.get(node.root_url, headers={"Accept": "text/html"}).text
            playground = browser.get(f"{node.root_url}/dashboard/playground").text

    assert 'data-question="What is this program?"' in start
    assert 'data-examples="usual" hidden>' in playground
    assert 'data-examples="demonstration">' in playground


def test_a_model_of_the_owner_that_arrives_takes_its_place(
    home: Path, made_assets: Path, gguf_store: GgufStore
) -> None:
    with running_node(home, environment=in_environment(made_assets)) as node:
        assert ask(node, None).json()["model"] == STARTER
        shutil.copy(gguf_store.llama(), home / "models" / "mine.gguf")

        # Named, it is found at once; whether or not anybody looks, the demonstration is not.
        assert ask(node, "mine").status_code == 200

        assert listed(node) == ["mine"]
        assert ask(node, None).json()["model"] == "mine"
        assert not any(DESCRIPTION in notice for notice in notices(node))
        assert ask(node, STARTER).json()["model"] == STARTER
        one = httpx.get(f"{node.base_url}/models/{STARTER}").json()
        assert (one["id"], one["is_demonstration"]) == (STARTER, True)
        assert one["meta"]["size"] == starter_of(made_assets).stat().st_size


def test_a_model_of_the_owner_from_the_start_leaves_the_demonstration_unlisted_and_named(
    home: Path, made_assets: Path, gguf_store: GgufStore
) -> None:
    own = ("--model", str(gguf_store.llama()))
    with running_node(home, *own, environment=in_environment(made_assets)) as node:
        assert listed(node) == [gguf_store.llama().stem]

        assert ask(node, STARTER).json()["model"] == STARTER
        assert ask(node, None).json()["model"] == gguf_store.llama().stem


def test_a_damaged_file_gives_one_line_with_a_remedy_and_the_node_serves_without(
    home: Path, tmp_path: Path, gguf_store: GgufStore
) -> None:
    assets = put_assets(tmp_path / "assets", gguf_store.llama())
    alter(starter_of(assets))

    with running_node(home, environment=in_environment(assets)) as node:
        assert listed(node) == []
        assert ask(node, None).status_code == 404
        assert ask(node, STARTER).status_code == 404
        (notice,) = notices(node)
        assert f"{starter_of(assets)} is damaged" in notice
        assert "Install Athanor again" in notice
        (line,) = [line for line in node.log.splitlines() if "SHA-256" in line]
        assert " warning " in line


def test_without_the_file_the_node_serves_the_owners_models(home: Path, tmp_path: Path) -> None:
    with running_node(home, environment=in_environment(tmp_path)) as node:
        assert listed(node) == []
        (notice,) = notices(node)
        assert "starter.toml cannot be read" in notice


def test_a_setting_leaves_it_out_without_a_word(home: Path, tmp_path: Path) -> None:
    with running_node(home, "--starter", "false", environment=in_environment(tmp_path)) as node:
        assert listed(node) == []
        assert notices(node) == []


def test_run_needs_neither_a_model_nor_a_server(home: Path, made_assets: Path) -> None:
    (home / "config.toml").write_text("[server]\nport = 0\n")
    limit = ("--set", "max_tokens=3")

    words = athanor(home, made_assets, "run", "What is CANARY-77ad, please?", *limit)
    both = athanor(home, made_assets, "run", STARTER, "Hello", *limit, "--json")

    assert words.returncode == Exit.OK, words.stderr
    assert words.stdout.strip()
    assert f"{DESCRIPTION} {REMEDY}" in words.stderr
    answer = json.loads(both.stdout)
    assert (answer["model"], answer["is_demonstration"]) == (STARTER, True)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in files if b"CANARY-77ad" in path.read_bytes()]


def test_several_words_that_name_a_model_are_its_name(home: Path, made_assets: Path) -> None:
    with running_node(home, environment=in_environment(made_assets)):
        named = athanor(home, made_assets, "run", "Tiny Llama", "--json")

    assert named.returncode == Exit.USAGE
    assert "there is no prompt" in named.stdout


def test_serve_greets_with_the_demonstration_once_and_with_a_question_that_it_knows(
    home: Path, made_assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASSETS_VARIABLE, str(made_assets))

    with terminal("serve", "--port", "0", home=home) as screen:
        screen.expect(f"{STARTER} (demonstration), since there is no other yet")
        screen.expect("`athanor pull NAME`")
        screen.expect(str(home / "models"))
        screen.expect(f'athanor run {STARTER} "What is this program?"')
        screen.expect(f'"model":"{STARTER}"')
        screen.type(CTRL_C)

        assert screen.ended() == Exit.OK

    assert " serving at=" not in screen.shown
    assert " serving at=" in (home / "logs" / "server.log").read_text()


def test_the_greeting_asks_a_model_that_can_chat(home: Path, gguf_store: GgufStore) -> None:
    places = [home / "a-embedder.gguf", home / "b-chat.gguf"]
    shutil.copy(gguf_store.bert(), places[0])
    shutil.copy(gguf_store.llama(), places[1])
    flags = [word for place in places for word in ("--model", str(place))]

    with terminal("serve", "--port", "0", *flags, home=home) as screen:
        screen.expect("2 found")
        screen.expect('"model":"b-chat"')
        assert "a-embedder" not in screen.shown


def test_the_greeting_asks_nobody_where_none_can_chat(home: Path, gguf_store: GgufStore) -> None:
    with terminal("serve", "--port", "0", "--model", str(gguf_store.bert()), home=home) as screen:
        screen.expect("1 found")
        screen.type(CTRL_C)

        assert screen.ended() == Exit.OK
        assert "curl" not in screen.shown


def test_a_chat_begins_with_what_it_is(
    home: Path, made_assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASSETS_VARIABLE, str(made_assets))

    with terminal("run", home=home) as screen:
        screen.expect(f"{STARTER} (demonstration)")
        screen.expect(DESCRIPTION[:40])
        screen.expect(PROMPT)
        screen.type(CTRL_D)

        assert screen.ended() == Exit.OK
