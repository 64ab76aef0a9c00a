"""Nodes that ask each other under seal, by real processes: their host reads no word of it."""

from pathlib import Path

import pytest
from openai import OpenAI

from tests.pool.canaries import Canary, files_with
from tests.pool.members import client_of, wait_for, whole_pool
from tests.support.node import RunningNode
from tests.support.pool_host import CREDIT

CANARY = Canary("heliotrope-41c07be2")


def ask(node: RunningNode, text: str) -> tuple[str, int]:
    """What the pool answers to a friend's own API, and its tokens."""
    client = OpenAI(base_url=node.base_url, api_key="none", max_retries=0)
    answer = client.chat.completions.create(
        model="pool/tiny",
        messages=[{"role": "user", "content": text}],
        max_tokens=20,
        temperature=0,
    )
    assert answer.usage is not None
    return answer.choices[0].message.content or "", answer.usage.completion_tokens


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_friend_asks_under_seal_pays_for_what_came_and_both_ledgers_agree(
    tmp_path: Path, exact_gguf: Path
) -> None:
    with whole_pool(tmp_path, exact_gguf, "lender", flags=()) as pool:
        asker = pool.start_friend("asker")

        text, tokens = ask(asker, CANARY)

        assert text and tokens > 0
        wait_for(lambda: pool.money("asker")[1] == 0, "nothing to be held")
        paid, earned = CREDIT - pool.money("asker")[0], pool.money("member")[0]
        assert paid >= earned > 0
        with client_of(pool.nodes["lender"]) as lender:
            wait_for(lambda: lender.pool().unacknowledged == 0, "a verdict")
            report = lender.verify_credits()
            assert report.is_good, report
        with pool.host.client() as operator:
            audit = operator.audit()
            assert audit.holds, audit.faults

    assert files_with(CANARY, tmp_path) == []
