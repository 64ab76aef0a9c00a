"""One host, three nodes with real engines, OpenAI's own client: the promises of a pool, at once."""

from pathlib import Path

import pytest
from openai import OpenAI

from tests.pool.members import WholePool, client_of, wait_for, whole_pool

TOKENS = 16
PROMPT = [{"role": "user", "content": "tell me something long"}]


def ask(pool: WholePool, *, kill_at: int | None = None) -> tuple[str, int, str]:
    """The text, what it cost and who was killed, at the first chunk of text past `kill_at`."""
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
    text, cost, chunks, victim = "", -1, 0, ""
    for chunk in raw.parse():
        if chunk.usage is not None:
            cost = chunk.usage.model_dump()["cost_micros"]
        for choice in chunk.choices:
            text += choice.delta.content or ""
            chunks += bool(choice.delta.content)
        if kill_at is not None and chunks >= kill_at and not victim:
            victim = raw.headers["x-athanor-served-by"]
            pool.nodes[victim].process.kill()
    return text, cost, victim


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


@pytest.mark.timeout(600)
def test_a_worker_killed_at_every_token_changes_nothing(tmp_path: Path, exact_gguf: Path) -> None:
    with whole_pool(tmp_path, exact_gguf, "one", "two", "three") as pool:
        whole, bill, _ = ask(pool)
        killed = []
        for kill_at in range(TOKENS):
            text, cost, victim = ask(pool, kill_at=kill_at)

            assert (text, cost) == (whole, bill), f"killed {victim} at {kill_at}"
            # Tokens without text of their own make the last chunks missing.
            if victim:
                killed.append(kill_at)
                pool.start(victim)
                pool.wait_lending(3)
        assert killed == list(range(len(killed)))
        assert len(killed) > TOKENS // 2
        check_books(pool)
