"""Laws of the link: a socket that is lost in mid-stream costs nobody a token."""

import asyncio
from collections.abc import Iterator

import pytest

from app.wire.pool import Offer
from tests.server.host.pools import Pool, pool, workers
from tests.server.host.test_failover import TEXT, TOKENS, streamed
from tests.support.cut_proxy import CutProxy, cut_proxy


@pytest.fixture(scope="module")
def wire() -> Iterator[CutProxy]:
    with cut_proxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def club(wire: CutProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool whose members come over the wire; its callers come directly."""
    url = f"http://127.0.0.1:{wire.port}"
    with pool(tmp_path_factory.mktemp("pool"), "--pool-url", url) as running:
        wire.target = int(running.host.root_url.rpartition(":")[2])
        yield running


class Scissors:
    """Loses all that is sent from token `at` on, and cuts the wire `later` tokens after it."""

    def __init__(self, wire: CutProxy, at: int, later: int) -> None:
        self.wire, self.at, self.later = wire, at, later
        self.cuts = 0

    async def __call__(self, _: Offer, first: int) -> None:
        if first == self.at:
            self.wire.lose()
        if first == min(self.at + self.later, TOKENS - 1):
            self.cuts += 1
            self.wire.cut()


def test_a_wire_that_is_cut_at_any_token_changes_neither_answer_nor_bill_nor_worker(
    club: Pool, wire: CutProxy
) -> None:
    async def act() -> None:
        async with workers(club, "box") as (box,):
            whole, bill = await streamed(club)
            assert whole == TEXT
            for at in range(TOKENS):
                box.attempts.clear()
                before = wire.connections
                scissors = Scissors(wire, at, later=at % 4)
                box.before = scissors
                text, usage = await streamed(club)

                assert (text, usage) == (whole, bill), at
                assert (scissors.cuts, len(box.attempts)) == (1, 1)
                await box.until(lambda: len(box.verdicts) == len(box.receipts))
                assert wire.connections > before
            assert not box.over_words, "it is one session from the first to the last"

    asyncio.run(act())
