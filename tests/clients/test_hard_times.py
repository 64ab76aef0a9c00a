"""A real node in hard times: crowds, crashes, slow loads. What each gets stands in the issue table:
an error that says what to do, never a hang, and everybody else goes on.
"""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from tests.clients.speech import say
from tests.support.node import RunningNode, put_toy, running_node

REQUESTS_MAX = 20


@pytest.fixture(scope="module")
def strained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node that takes few requests at once, with a model that is slow to load."""
    home = tmp_path_factory.mktemp("strained") / "home"
    toys = [
        put_toy(home),
        put_toy(home, "slow", step_seconds=0.02),
        put_toy(home, "heavy", load_seconds=2.0),
    ]
    flags = [word for toy in toys for word in ("--model", str(toy))]
    limits = ("--requests-max", str(REQUESTS_MAX), "--heartbeat-seconds", "0.1")
    with running_node(home, *flags, *limits) as running:
        yield running


def chat_body(model: str, text: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": say(text), **more}


def engine_of(node: RunningNode, model: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {node.token}"}
    state = httpx.get(f"{node.root_url}/local/state", headers=headers).json()
    (engine,) = (each for each in state["engines"] if each["model"] == model)
    return dict(engine)


def test_two_hundred_at_once_are_answered_or_told_when_to_come_again(
    strained: RunningNode,
) -> None:
    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            url = f"{strained.base_url}/chat/completions"
            bodies = (chat_body("toy", f"number {index} " * 20) for index in range(200))
            return await asyncio.gather(*(client.post(url, json=body) for body in bodies))

    responses = asyncio.run(ask())

    refused = [response for response in responses if response.status_code == 503]
    answered = [response for response in responses if response.status_code == 200]
    assert len(answered) + len(refused) == 200
    assert len(answered) >= REQUESTS_MAX
    assert all(int(response.headers["retry-after"]) >= 1 for response in refused)
    assert all(response.json()["error"]["code"] == "busy" for response in refused)


def test_an_engine_killed_in_mid_answer_ends_that_answer_alone(strained: RunningNode) -> None:
    with openai.OpenAI(base_url=strained.base_url, api_key="x", max_retries=0) as client:
        stream = client.chat.completions.create(
            model="slow", messages=say("0123456789abcdef" * 60), stream=True, temperature=1
        )
        pieces = iter(stream)
        while not next(pieces).choices[0].delta.content:
            pass
        pid = engine_of(strained, "slow")["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)

        with pytest.raises(openai.APIError) as caught:
            for _ in pieces:
                pass
        other = client.chat.completions.create(model="toy", messages=say("still here"))
        again = client.with_options(max_retries=5).chat.completions.create(
            model="slow", messages=say("back again")
        )

    assert caught.value.code == "engine_failed"
    assert other.choices[0].message.content == "still here"
    assert again.choices[0].message.content == "back again"


def test_lists_and_health_answer_within_a_second_while_a_model_loads(
    strained: RunningNode,
) -> None:
    unload = f"{strained.root_url}/models/unload"
    owner = {"Authorization": f"Bearer {strained.token}"}
    httpx.post(unload, json={"model": "heavy"}, headers=owner)
    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=strained.root_url) as client:
        url = f"{strained.base_url}/chat/completions"
        asked = pool.submit(httpx.post, url, json=chat_body("heavy", "hi"), timeout=60)

        seen: set[str] = set()
        while "loading" not in seen:
            models = client.get("/v1/models").json()["data"]
            health = client.get("/health").json()
            assert health["status"]
            seen |= {model["status"]["value"] for model in models if model["id"] == "heavy"}

        assert health["status"] == "ok"
        assert asked.result().status_code == 200


def test_a_stream_is_kept_alive_from_the_first_byte_while_its_model_loads(
    strained: RunningNode,
) -> None:
    owner = {"Authorization": f"Bearer {strained.token}"}
    httpx.post(f"{strained.root_url}/models/unload", json={"model": "heavy"}, headers=owner)
    body = chat_body("heavy", "hi", stream=True)

    with httpx.stream("POST", f"{strained.base_url}/chat/completions", json=body) as response:
        lines = [line for line in response.iter_lines() if line]

    first = next(index for index, line in enumerate(lines) if line.startswith("data: "))
    assert response.status_code == 200
    assert first >= 3
    assert set(lines[:first]) == {": keep-alive"}
    assert lines[-1] == "data: [DONE]"


def test_nothing_that_was_said_is_in_any_file_of_the_node(strained: RunningNode) -> None:
    canary = "canary-3f9c1b"
    url = f"{strained.base_url}/chat/completions"
    for body in (
        chat_body("toy", canary),
        chat_body("toy", canary, stream=True),
        chat_body("toy", canary, temperature=-1),
        chat_body(canary, "hi"),
        chat_body("toy", canary * 2000),
        chat_body("toy", "hi", response_format={"type": "json_schema", "schema": {"type": canary}}),
    ):
        httpx.post(url, json=body, timeout=30)
    httpx.get(f"{strained.root_url}/{canary}", headers={"Authorization": f"Bearer {canary}"})

    files = [path for path in strained.home.rglob("*") if path.is_file()]
    found = [path.name for path in files if canary.encode() in path.read_bytes()]
    assert len(files) >= 3
    assert not found


def test_the_answer_to_a_table_of_nonsense_is_never_a_500(strained: RunningNode) -> None:
    url = f"{strained.base_url}/chat/completions"
    nonsense = [
        b"", b"{", b"[]", b"null", b'{"messages": []}', b'{"messages": [{"role": "x"}]}',
        json.dumps(chat_body("toy", "hi", n=10**9)).encode(),
        json.dumps(chat_body("toy", "hi", temperature=-1)).encode(),
        b'{"messages": [{"role": "user", "content": "a"}], "top_p": NaN}',
    ]  # fmt: skip

    for body in nonsense:
        response = httpx.post(url, content=body, headers={"Content-Type": "application/json"})

        assert response.status_code == 400
        assert set(response.json()) == {"error"}
