"""Limits in credits hold while answers grow: neither one request nor many go past them."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from app.core.base.units import Micros
from app.wire.pool_admin import GrantRequest, LimitRequest
from app.wire.pool_keys import PoolKeyRequest
from tests.server.host.pools import Pool, chat, pool, workers

MOST = 40
"""Micros: some hundred tokens of answer."""


@pytest.fixture
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pool(tmp_path_factory.mktemp("pool")) as running:
        yield running


def limited_key(club: Pool) -> tuple[str, str]:
    """The secret and the id of a key that may spend so much a day."""
    with club.host.client() as client:
        made = client.make_pool_key(PoolKeyRequest(account="caller", name="limited"))
        client.set_limit(
            LimitRequest(
                subject="key", id=made.key.id, measure="credits", period="day", amount=Micros(MOST)
            )
        )
    return made.secret, made.key.id


def spent(club: Pool, key: str) -> int:
    with club.host.client() as client:
        (limit,) = (
            each for each in client.limits_of("key", key).limits if each.measure == "credits"
        )
        return limit.used


async def ask_little(api: httpx.AsyncClient) -> None:
    """Answers as short as these are expected from then on."""
    for _ in range(3):
        (await api.post("/chat/completions", json=chat("a", max_tokens=8))).raise_for_status()


async def ask(api: httpx.AsyncClient) -> httpx.Response:
    # A raw prompt is continued without end.
    body = {"model": "echo", "prompt": "ab", "max_tokens": 1000}
    return await api.post("/completions", json=body)


def test_an_answer_ends_where_the_credits_of_the_day_do(club: Pool) -> None:
    secret, key = limited_key(club)

    async def act() -> list[httpx.Response]:
        async with workers(club, "box") as _, club.api(secret) as api:
            await ask_little(api)
            return [await ask(api), await ask(api)]

    cut, refused = asyncio.run(act())

    assert cut.json()["choices"][0]["finish_reason"] == "length"
    assert 40 < cut.json()["usage"]["completion_tokens"] < 110
    assert 0 < spent(club, key) <= MOST
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "limit_reached")
    with club.host.client() as client:
        assert client.audit().holds


@pytest.mark.parametrize("several", [{"n": 4}, {"prompt": ["ab"] * 4}], ids=["n", "prompts"])
def test_what_a_request_may_cost_is_for_all_its_answers_together(
    club: Pool, several: dict[str, object]
) -> None:
    async def act() -> httpx.Response:
        most = {"x-athanor-cost-max-micros": str(MOST)}
        body = {"model": "echo", "prompt": "ab", "max_tokens": 1000, **several}
        async with workers(club, "box") as _, club.api(**most) as api:
            return await api.post("/completions", json=body)

    before, _ = club.available()
    answer = asyncio.run(act())

    assert len(answer.json()["choices"]) == 4, answer.text
    assert MOST // 2 < before - club.available()[0] <= MOST


def test_a_request_that_allows_too_little_is_told_what_it_allows(club: Pool) -> None:
    async def act() -> httpx.Response:
        async with workers(club, "box") as _, club.api(**{"x-athanor-cost-max-micros": "1"}) as api:
            return await api.post("/chat/completions", json=chat("hello"))

    refused = asyncio.run(act())

    assert refused.status_code == 402
    assert "0.000001 are available" in refused.json()["error"]["message"]
    assert "cost_max" in refused.json()["error"]["message"]


def test_two_answers_begin_where_the_balance_is_enough_for_both(club: Pool) -> None:
    with club.host.client() as client:
        client.make_pool_account("poor")
        client.grant(GrantRequest(account="poor", amount=Micros(20), reason="test"))

    async def act() -> httpx.Response:
        async with workers(club, "box") as _, club.api(club.host.key("poor")) as api:
            return await api.post("/chat/completions", json=chat("hello", n=2))

    answer = asyncio.run(act())

    assert answer.status_code == 200, answer.text
    assert club.available("poor")[0] >= 0


def test_requests_at_one_time_do_not_go_past_it_together(club: Pool) -> None:
    secret, key = limited_key(club)

    async def act() -> list[httpx.Response]:
        async with workers(club, "box") as _, club.api(secret) as api:
            await ask_little(api)
            return list(await asyncio.gather(*(ask(api) for _ in range(8))))

    answers = asyncio.run(act())

    assert {each.status_code for each in answers} <= {200, 429}
    assert any(each.status_code == 200 for each in answers)
    assert 0 < spent(club, key) <= MOST
    assert club.available()[1] == 0
