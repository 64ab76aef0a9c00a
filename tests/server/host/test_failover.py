"""Laws of failover: whatever becomes of a worker, the caller's answer and bill are the same."""

import asyncio
import json
from pathlib import Path

from app.wire.pool import Offer
from tests.server.host.pools import Pool, chat, pool, workers
from tests.support.pool_worker import Worker

QUICK = ("--grace-members-seconds", "0.2", "--heartbeat-members-seconds", "2")
TEXT = "über 9 tokens"
TOKENS = len(TEXT.encode())
"""The toy's words are bytes."""


class Guillotine:
    """Makes the worker vanish that is about to tell token `at`, or the next that it tells, once."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.told = 0
        self.victim: Worker | None = None
        self.workers: list[Worker] = []

    async def __call__(self, offer: Offer, first: int) -> None:
        if first >= self.at and self.victim is None:
            self.told = first
            (self.victim,) = (
                worker
                for worker in self.workers
                if any(attempt.offer is offer for attempt in worker.attempts)
            )
            self.victim.vanish()
            await asyncio.Event().wait()


async def streamed(club: Pool) -> tuple[str, dict[str, object]]:
    """What a stream says, and the usage in its last chunk; nothing is cached between requests."""
    text, usage = "", {}
    async with (
        club.api() as api,
        api.stream(
            "POST", "/chat/completions", json=chat(TEXT, stream=True, cache_prompt=False)
        ) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            chunk = json.loads(line.removeprefix("data: "))
            assert "error" not in chunk, chunk
            for choice in chunk["choices"]:
                text += choice["delta"].get("content") or ""
            usage = chunk.get("usage") or usage
    return text, usage


def test_a_worker_that_vanishes_at_any_token_changes_neither_answer_nor_bill(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with workers(club, "one", "two", "three") as boxes:
            whole, bill = await streamed(club)
            assert whole == TEXT
            for at in range(TOKENS):
                blade = Guillotine(at)
                blade.workers = boxes
                for box in boxes:
                    box.attempts.clear()
                    box.before = blade

                again, same = await streamed(club)

                assert blade.victim is not None, at
                assert (again, same) == (whole, bill), f"killed at token {at}"
                (went_on,) = [a.offer for box in boxes for a in box.attempts if a.offer.attempt]
                assert went_on.first == blade.told
                await blade.victim.revive()

    with pool(tmp_path, *QUICK) as club:
        asyncio.run(act())
        assert club.available()[1] == 0
        with club.host.client() as client:
            assert client.audit().holds
