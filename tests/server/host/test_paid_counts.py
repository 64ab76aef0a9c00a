"""Laws of what is told of an answer that came in more tokens than are paid for it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
from msgspec.structs import replace

from app.core.pool.receipt import VERDICT
from app.wire.engine import Delta, Embed, Generate
from app.wire.pool_admin import LimitRequest
from app.wire.pool_keys import PoolKeyRequest
from tests.server.host.pools import Pool, chat, pool, workers
from tests.support.pool_worker import Compute, Event

SILENT = 262
"""A token of the toy that says nothing: it is delivered and not counted."""
WORDS = "hello there"


def padded(honest: Compute) -> Compute:
    """The same words, in twice as many tokens."""

    async def compute(body: Generate | Embed) -> AsyncGenerator[Event, None]:
        async for event in honest(body):
            if isinstance(event, Delta) and event.token_ids:
                tokens = [*event.token_ids, *[SILENT] * len(event.token_ids)]
                yield replace(event, token_ids=tokens, tokens=len(tokens))
            else:
                yield event

    return compute


def ask(club: Pool) -> tuple[dict[str, object], int, int]:
    """The usage that the stream ended with, the tokens that came, and those of the verdict."""

    async def act() -> tuple[dict[str, object], int, int]:
        async with workers(club, "box") as (box,), club.api() as api:
            box.compute = padded(box.compute)
            body = chat(WORDS, stream=True, stream_options={"include_usage": True})
            answer = await api.post("/chat/completions", json=body)
            lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
            await box.until(lambda: bool(box.verdicts))
            (verdict,) = (VERDICT.read(each.verdict) for each in box.verdicts.values())
            assert verdict is not None
            usage = json.loads(lines[-1].removeprefix("data: "))["usage"]
            return usage, len(box.attempts[-1].tokens), verdict.answer

    return asyncio.run(act())


def get(club: Pool, url: str, secret: str) -> httpx.Response:
    return httpx.get(url, headers={"Authorization": f"Bearer {secret}"}, trust_env=False)


def test_answer_row_limit_and_figures_say_what_the_verdict_says(tmp_path: Path) -> None:
    a_day = LimitRequest(
        subject="account", id="caller", measure="tokens", period="day", amount=10_000
    )
    with pool(tmp_path) as club:
        with club.host.client() as client:
            client.set_limit(a_day)
        usage, came, paid = ask(club)
        (row,) = get(club, f"{club.host.base_url}/credits/usage", club.secret).json()["data"]
        limits = get(club, f"{club.host.base_url}/key", club.secret).json()["limits"]
        with club.host.client() as client:
            asked = PoolKeyRequest(account="caller", name="figures", scopes=("metrics",))
            secret = client.make_pool_key(asked).secret
        figures = get(club, f"{club.host.root_url}/metrics", secret).text

    assert paid == len(WORDS) < came
    assert usage["completion_tokens"] == row["completion_tokens"] == paid
    assert usage["prompt_tokens"] == row["prompt_tokens"]
    assert usage["cost_micros"] == row["cost"]
    (tokens,) = (each for each in limits if each["period"] == "day")
    assert tokens["used"] == paid + row["prompt_tokens"]
    assert f'athanor_pool_answer_tokens_total{{model="echo"}} {paid:.1f}' in figures
