"""An honest machine whose model writes words in more tokens than they take: nothing against it."""

import asyncio
from pathlib import Path

import pytest

from app.core.pool.receipt import VERDICT
from tests.server.host.pools import pool, workers

STARTER = Path(__file__).parents[3] / "assets" / "models" / "athanor-starter.gguf"
SEEDS = (1, 7)
"""Of answers that the demonstration model does not write as its tokenizer would cut them."""


@pytest.mark.model
def test_a_sampled_answer_that_never_ends_is_no_strike(tmp_path: Path) -> None:
    async def act() -> tuple[list[int], list[int]]:
        said: list[int] = []
        async with workers(club, "box") as (box,), club.api() as api:
            for seed in SEEDS:
                body = {"model": "echo", "prompt": "Once upon a time", "max_tokens": 900,
                        "ignore_eos": True, "seed": seed}  # fmt: skip
                answer = await api.post("/completions", json=body)
                answer.raise_for_status()
                said.append(len(box.attempts[-1].tokens))
                await box.until(lambda: len(box.verdicts) == len(said))
            paid = [VERDICT.read(each.verdict).answer for each in box.verdicts.values()]
        return said, paid

    with pool(tmp_path, model=STARTER) as club:
        said, paid = asyncio.run(act())
        with club.host.client() as client:
            found = client.machines()

    assert any(few < many for few, many in zip(paid, said, strict=True)), "nothing was split"
    assert not found.strikes
