"""Nodes that ask each other under seal, by real processes: their host reads no word of it."""

from pathlib import Path

import pytest
from openai import OpenAI

from app.client.client import Client
from app.wire.pool_admin import GrantRequest
from app.wire.pool_keys import InviteRequest
from app.wire.pool_local import JoinRequest
from tests.pool.members import WholePool, client_of, wait_for, whole_pool
from tests.server.storage.host import files_hold
from tests.support.node import RunningNode, running_node
from tests.support.pool_host import CREDIT

CANARY = "heliotrope"


def friend_of(pool: WholePool, operator: Client) -> str:
    """An invite for whoever shall be a friend of the lender's account."""
    invite = InviteRequest(kind="friend", account="member", name="asker", uses_max=1)
    return operator.make_invite(invite).text


def start_asker(pool: WholePool) -> RunningNode:
    """A friend's node that may spend, and trusts friends alone."""
    flags = ("--spending", "prefix", "--trust", "friends")
    node = pool.stack.enter_context(running_node(pool.folder / "asker", *flags))
    with pool.host.client() as operator, client_of(node) as client:
        client.join_pool(JoinRequest(invite=friend_of(pool, operator), name="asker"))
        wait_for(lambda: client.pool().link == "connected", "the asker in the pool")
        operator.grant(GrantRequest(account="asker", amount=CREDIT, reason="a test"))
    return node


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
        asker = start_asker(pool)

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

    assert not files_hold(pool.host.home, CANARY.encode())
