"""One host, three nodes with real engines, OpenAI's own client: the promises of a pool, at once."""

import os
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from tests.pool.members import WholePool, client_of, wait_for, whole_pool

TOKENS = 48
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "many" else 3
"""A kill takes seconds: `make test-all` kills at every token, other runs at every third."""
PROMPT = [{"role": "user", "content": "tell me something long"}]


@dataclass
class Told:
    """What a caller got, and what it cost."""

    text: str = ""
    cost: int = -1
    job: str = ""
    chunks: int = 0
    """Chunks with text."""
    victim: str = ""
    """The node that was killed meanwhile."""


def ask(pool: WholePool, *, kill_at: int | None = None) -> Told:
    """An answer; its worker is killed once so many chunks with text are here."""
    client = OpenAI(base_url=pool.host.base_url, api_key=pool.secret, max_retries=0)
    raw = client.chat.completions.with_raw_response.create(
        model="tiny",
        messages=PROMPT,  # type: ignore[arg-type]
        max_tokens=TOKENS,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"cache_prompt": False},
    )
    told = Told(job=raw.headers["x-athanor-job"])
    for chunk in raw.parse():
        if chunk.usage is not None:
            told.cost = chunk.usage.model_dump()["cost_micros"]
        for choice in chunk.choices:
            told.text += choice.delta.content or ""
            told.chunks += bool(choice.delta.content)
        if kill_at is not None and told.chunks >= kill_at and not told.victim:
            told.victim = raw.headers["x-athanor-served-by"]
            pool.nodes[told.victim].process.kill()
    return told


def attempts(pool: WholePool, job: str) -> int:
    """How many workers had a part in the answer."""
    headers = {"Authorization": f"Bearer {pool.secret}"}
    found: list[int] = []

    def is_written() -> bool:
        rows = httpx.get(f"{pool.host.base_url}/credits/usage", headers=headers).json()["data"]
        found.extend(row["attempts"] for row in rows if row["id"] == job)
        return bool(found)

    wait_for(is_written, "the row of the answer")
    return found[0]


def check_books(pool: WholePool) -> None:
    """Nothing is held, the host's books hold, and every member's chain of receipts verifies."""
    wait_for(lambda: pool.money()[1] == 0, "nothing to be held")
    with pool.host.client() as operator:
        audit = operator.audit()
    assert audit.holds, audit.faults
    for node in pool.nodes.values():
        with client_of(node) as client:
            wait_for(lambda: client.pool().unacknowledged == 0, "verdicts on all receipts")
            report = client.verify_credits()
        assert report.is_good, report


@pytest.mark.timeout(1200)
def test_a_worker_killed_at_any_token_changes_neither_answer_nor_bill(
    tmp_path: Path, exact_gguf: Path
) -> None:
    with whole_pool(tmp_path, exact_gguf, "one", "two", "three") as pool:
        whole = ask(pool)
        failed_over = 0
        kills = sorted({*range(0, whole.chunks + 1, STEP), whole.chunks})
        for kill_at in kills:
            told = ask(pool, kill_at=kill_at)

            assert told.text == whole.text, f"killed {told.victim} at {kill_at}"
            assert told.cost == whole.cost, f"killed {told.victim} at {kill_at}"
            # The blow may fall after the worker's last word, before its receipt or after it.
            failed_over += attempts(pool, told.job) > 1
            pool.start(told.victim)
            pool.wait_lending(3)
        assert failed_over > len(kills) // 2
        check_books(pool)
