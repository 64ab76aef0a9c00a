"""Laws of the gateway: OpenAI's answers, from machines of members, for credits."""

import asyncio
from pathlib import Path

from tests.server.host.pools import chat, pool, workers


def test_a_request_is_answered_by_a_member_and_paid_by_its_caller(tmp_path: Path) -> None:
    async def act() -> None:
        async with workers(club, "box") as (box,), club.api() as api:
            answer = await api.post("/chat/completions", json=chat("hello pool"))
            body = answer.json()
            assert answer.status_code == 200, body
            assert body["choices"][0]["message"]["content"] == "hello pool"
            usage = body["usage"]
            cost = usage["prompt_tokens"] * 0.1 + usage["completion_tokens"] * 0.4
            assert usage["cost_micros"] == round(cost)
            await box.until(lambda: len(box.verdicts) == 1)

    with pool(tmp_path) as club:
        asyncio.run(act())
        assert club.available()[1] == 0
