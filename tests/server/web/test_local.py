"""Laws of the local API: the picture, its events, loading, keys, the end."""

import msgspec
import pytest

from app.core.base.ids import ModelName
from app.core.models.wishes import Wishes
from app.core.state.events import NoticeRaised
from app.core.state.node_state import Notice
from app.wire.local import (
    KeyList,
    KeyMade,
    KeyPicture,
    LoadAnswer,
    NodeEvent,
    NodePicture,
    StopAnswer,
    UnloadAnswer,
)
from tests.server.web.conftest import Web


def test_the_picture_shows_engines_in_the_words_of_every_face(
    web: Web, owner: dict[str, str]
) -> None:
    response = web.client.get("/local/state", headers=owner)

    picture = msgspec.json.decode(response.content, type=NodePicture)
    loaded = {engine.model: engine for engine in picture.engines}
    assert picture.status == "serving"
    assert "echo: ready" in picture.summary
    assert loaded["echo"].status == "loaded"
    assert (loaded["echo"].context, loaded["echo"].message) == (1000, "All of it runs on the CPU.")
    assert (loaded["loading"].stage, loaded["loading"].fraction) == ("weights", 0.5)


def test_events_begin_with_the_picture_and_go_on_with_what_happens(
    web: Web, owner: dict[str, str]
) -> None:
    notice = Notice(key="disk", severity="warning", message="the disk is full", remedy="Tidy.")

    with web.client.stream("GET", "/local/events", headers=owner) as response:
        lines = response.iter_lines()
        first = _next_event(lines)
        web.publish(NoticeRaised(notice=notice))
        second = _next_event(lines)

    assert first.happened == "picture"
    assert second.happened == "notice_raised"
    assert second.number > first.number
    assert second.picture.notices[-1].message == "the disk is full"


def _next_event(lines: object) -> NodeEvent:
    for line in lines:  # type: ignore[attr-defined]
        if line.startswith("data: "):
            return msgspec.json.decode(line.removeprefix("data: "), type=NodeEvent)
    raise AssertionError("the stream ended")


def test_a_load_answers_with_the_engine_and_the_reasons(web: Web, owner: dict[str, str]) -> None:
    response = web.client.post("/local/load", json={"model": "echo"}, headers=owner)

    answer = msgspec.json.decode(response.content, type=LoadAnswer)
    assert answer.engine.model == "echo"
    assert answer.explanation == ("All of it runs on the CPU.",)
    assert web.node.asked_wishes == [None]


def test_wishes_are_laid_over_the_settings(web: Web, owner: dict[str, str]) -> None:
    wishes = {"context": 2048, "gpu_layers": 0, "key_type": "q8_0", "keep_alive_seconds": -1}

    web.client.post("/local/load", json={"model": "echo", **wishes}, headers=owner)

    assert web.node.asked_wishes == [
        Wishes(context=2048, gpu_layers=0, key_type="q8_0", memory_margin_bytes=1)
    ]
    assert web.node.keep_alives == [-1.0]


def test_an_unload_says_whether_there_was_anything(web: Web, owner: dict[str, str]) -> None:
    response = web.client.post("/local/unload", json={"model": "echo"}, headers=owner)

    answer = msgspec.json.decode(response.content, type=UnloadAnswer)
    assert answer == UnloadAnswer(model="echo", was_loaded=True)
    assert web.node.unloaded == [ModelName("echo")]


def test_a_key_is_shown_once_opens_and_is_revoked(web: Web, owner: dict[str, str]) -> None:
    made = msgspec.json.decode(
        web.client.post("/local/keys", json={"name": "laptop"}, headers=owner).content, type=KeyMade
    )
    listed = web.client.get("/local/keys", headers=owner)
    revoked = web.client.delete(f"/local/keys/{made.key.id}", headers=owner)

    assert made.secret.startswith(made.key.prefix)
    assert made.secret not in listed.text
    assert made.key in msgspec.json.decode(listed.content, type=KeyList).keys
    assert msgspec.json.decode(revoked.content, type=KeyPicture).revoked_at is not None


def test_only_an_admin_key_opens_the_local_api(web: Web, owner: dict[str, str]) -> None:
    for scope, status in (("inference", 403), ("admin", 200)):
        body = {"name": f"a {scope} key", "scope": scope}
        secret = web.client.post("/local/keys", json=body, headers=owner).json()["secret"]

        response = web.client.get("/local/state", headers={"Authorization": f"Bearer {secret}"})

        assert response.status_code == status


def test_each_keys_requests_share_no_prefix_with_the_owners(
    web: Web, owner: dict[str, str]
) -> None:
    made = web.client.post("/local/keys", json={"name": "friend"}, headers=owner).json()
    body = {"messages": [{"role": "user", "content": "hi"}]}

    web.client.post("/v1/chat/completions", json=body)
    headers = {"Authorization": f"Bearer {made['secret']}"}
    web.client.post("/v1/chat/completions", json=body, headers=headers)

    assert [each.domain for each in web.node.generates] == ["owner", f"key-{made['key']['id']}"]


@pytest.mark.parametrize(
    ("body", "param"),
    [({"name": ""}, "name"), ({}, "name"), ({"name": "a", "scope": "root"}, "scope")],
)
def test_a_key_needs_a_name_and_a_scope_that_exists(
    web: Web, owner: dict[str, str], body: dict[str, str], param: str
) -> None:
    response = web.client.post("/local/keys", json=body, headers=owner)

    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_an_unknown_key_cannot_be_revoked(web: Web, owner: dict[str, str]) -> None:
    assert web.client.delete("/local/keys/none", headers=owner).status_code == 404


def test_stop_answers_at_once_and_begins_the_end(web: Web, owner: dict[str, str]) -> None:
    response = web.client.post("/local/stop", headers=owner)

    assert msgspec.json.decode(response.content, type=StopAnswer).grace_seconds == 10
    assert web.node.stopped.is_set()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/local/state"),
        ("GET", "/local/events"),
        ("GET", "/local/keys"),
        ("POST", "/local/stop"),
        ("DELETE", "/local/keys/x"),
        ("GET", "//local//state"),
    ],
)
def test_the_local_api_is_closed_without_a_key_at_home_too(
    web: Web, method: str, path: str
) -> None:
    response = web.client.request(method, f"http://127.0.0.1:{web.port}{path}")

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
