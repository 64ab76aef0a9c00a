"""Nobody's words are kept: a whole pool is used, killed and used again, and every byte searched.

The toy answers with what it was asked, so the canary stands in prompts and in answers alike.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.pool.members import WholePool, wait_for, whole_pool
from tests.support.node import put_toy
from tests.support.pool_host import running_host

CANARY = "canary-9f3ac1d7"
CHAT = "/chat/completions"


def said(**fields: object) -> dict[str, object]:
    """A chat whose every word is the canary."""
    return {"model": "tiny", "messages": [{"role": "user", "content": CANARY * 3}], **fields}


REQUESTS: list[tuple[str, dict[str, object]]] = [
    (CHAT, said()),
    (CHAT, said(stream=True, user=CANARY, metadata={"a": CANARY})),
    (CHAT, said(n=2, logprobs=True, top_logprobs=2)),
    (CHAT, said(temperature=CANARY)),
    (CHAT, said(grammar=f"start: {CANARY} (")),
    (CHAT, said(provider={"region": CANARY})),
    (CHAT, {**said(), "model": CANARY}),
    (CHAT, {"model": "tiny", "messages": [{"role": CANARY, "content": CANARY}]}),
    (CHAT, said(messages=[{"role": "user", "content": CANARY * 5_000}])),
    ("/completions", {"model": "tiny", "prompt": CANARY, "max_tokens": 8, "echo": True}),
    ("/embeddings", {"model": "tiny", "input": CANARY}),
    (f"/{CANARY}", {"x": CANARY}),
]


def use(pool: WholePool) -> str:
    """Send all of them; what was answered."""
    answers = []
    with api_of(pool) as client:
        for number, (path, body) in enumerate(REQUESTS):
            headers = {"Idempotency-Key": f"{number}"} if number % 2 else {}
            answers.append(client.post(path, json=body, headers=headers).text)
    return "".join(answers)


@contextlib.contextmanager
def api_of(pool: WholePool) -> Iterator[httpx.Client]:
    """A caller."""
    headers = {"Authorization": f"Bearer {pool.secret}"}
    with httpx.Client(
        base_url=pool.host.base_url, headers=headers, timeout=120, trust_env=False
    ) as client:
        yield client


def files_with(canary: str, *folders: Path) -> list[str]:
    """Files that hold it, those of other users and of this test's own code left out."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and canary.encode() in path.read_bytes():
                    found.append(str(path))
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_words_of_a_caller_are_in_any_file_of_host_or_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    model = put_toy(tmp_path / "models", "tiny", step_seconds=0.02)
    homes = [tmp_path / name for name in ("host", "one", "two", "scratch")]

    with whole_pool(tmp_path, model, "one", "two") as pool:
        answers = use(pool)
        with (
            contextlib.suppress(httpx.HTTPError),
            api_of(pool) as client,
            client.stream("POST", CHAT, json=said(stream=True)) as left,
        ):
            lines = left.iter_lines()
            next(lines)
            pool.nodes[left.headers["x-athanor-served-by"]].process.kill()
            for _ in range(20):
                next(lines)
            pool.host.process.kill()
        while_running = files_with(CANARY, *homes)
    with running_host(tmp_path / "host") as again:
        wait_for(lambda: bool(again.log), "a host that came back")
        afterwards = files_with(CANARY, *homes)

    assert answers.count(CANARY) > 5
    assert while_running == []
    assert afterwards == []
    assert files_with("job ended", *homes), "the logs are among what was searched"
