"""Nobody's words are kept: a node is used, well and badly, and every byte that it left is searched.

The canary stands wherever a user's words can: in messages, prompts, tools, schemas, keys, names of
unknown models, broken bodies; in what is answered, refused and cut off by a crash.
"""

import contextlib
from pathlib import Path

import httpx
import pytest

from tests.gguf_made.store import GgufStore
from tests.support.node import RunningNode, put_toy, running_node

CANARY = "canary-5e2f91"
CHAT = "/v1/chat/completions"


def _said(model: str, **fields: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": CANARY}], **fields}


TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "description": CANARY,
        "parameters": {"type": "object", "properties": {CANARY: {"type": "string"}}},
    },
}

REQUESTS: list[tuple[str, dict[str, object]]] = [
    (CHAT, _said("toy")),
    (CHAT, _said("toy", stream=True, stop=[CANARY[-3:]], user=CANARY, metadata={"a": CANARY})),
    (CHAT, _said("toy", logprobs=True, top_logprobs=2)),
    (CHAT, _said("toy", tools=[TOOL], tool_choice="required", max_tokens=64)),
    (CHAT, _said("toy", n=100_000)),
    (CHAT, _said("toy", temperature=CANARY)),
    (CHAT, _said("toy", grammar=f"start: {CANARY} (")),
    (CHAT, _said("toy", response_format={"type": "regex", "pattern": f"({CANARY}"})),
    (CHAT, _said("toy", chat_template_kwargs={"x": CANARY})),
    (CHAT, {"model": "toy", "messages": [{"role": CANARY, "content": CANARY}]}),
    (CHAT, {"model": "toy", "messages": [{"role": "user", "content": CANARY * 20_000}]}),
    (CHAT, _said("falls", stream=True)),
    (CHAT, _said("falls")),
    (CHAT, _said("broken")),
    ("/v1/completions", {"model": "toy", "prompt": CANARY, "max_tokens": 8, "echo": True}),
    ("/v1/completions", {"model": "toy", "prompt": CANARY, "suffix": CANARY, "max_tokens": 8}),
    ("/v1/embeddings", {"model": "toy", "input": CANARY}),
    ("/tokenize", {"model": "toy", "content": CANARY, "with_pieces": True}),
    ("/apply-template", _said("toy")),
    (f"/v1/{CANARY}", {"x": CANARY}),
]


def _use(node: RunningNode, requests: list[tuple[str, dict[str, object]]]) -> str:
    """Send all, then a broken body, a foreign key and a client that leaves; what was answered."""
    answers = []
    with httpx.Client(base_url=node.root_url, timeout=60) as client:
        for path, body in requests:
            with contextlib.suppress(httpx.RemoteProtocolError):  # an answer that a crash cut off
                answers.append(client.post(path, json=body).text)
        json = {"Content-Type": "application/json"}
        client.post(CHAT, content=f'{{"messages": "{CANARY}', headers=json)
        client.get("/local/state", headers={"Authorization": f"Bearer {CANARY}"})
        client.get(
            "/v1/models", params={"q": CANARY}, headers={"Origin": f"https://{CANARY}.example"}
        )
        with client.stream("POST", CHAT, json=_said("slow", stream=True)) as left:
            next(left.iter_lines())
    return "".join(answers)


def _files_with(canary: str, folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(b"request ended" in path.read_bytes() for path in files), "the log is among them"
    return [str(path.relative_to(folder)) for path in files if canary.encode() in path.read_bytes()]


@pytest.mark.slow
def test_no_words_of_a_user_are_in_any_file_of_a_node(home: Path) -> None:
    toys = [
        put_toy(home),
        put_toy(home, "falls", abort_after_tokens=3),
        put_toy(home, "broken", on_load="fail"),
        put_toy(home, "slow", step_seconds=0.02),
    ]
    flags = [word for toy in toys for word in ("--model", str(toy))]

    with running_node(home, *flags, "--log-level", "debug") as node:
        answers = _use(node, REQUESTS)
        while_running = _files_with(CANARY, home)
    afterwards = _files_with(CANARY, home)

    assert answers.count(CANARY) > 5
    assert while_running == []
    assert afterwards == []


@pytest.mark.model
def test_no_words_of_a_user_are_in_any_file_of_a_node_that_runs_llama_cpp(
    home: Path, gguf_store: GgufStore
) -> None:
    model = gguf_store.llama()
    requests: list[tuple[str, dict[str, object]]] = [
        (path, {**body, "model": model.stem, "max_tokens": 8})
        for path, body in REQUESTS
        if body.get("model") == "toy"
    ]

    with (
        running_node(home, "--model", str(model), "--log-level", "debug") as node,
        httpx.Client(base_url=node.root_url, timeout=60) as client,
    ):
        answers = [client.post(path, json=body).text for path, body in requests]
    kept = _files_with(CANARY, home)

    assert any(CANARY in answer for answer in answers)
    assert kept == []
