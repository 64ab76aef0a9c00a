"""Laws of the gateway: OpenAI's answers, from machines of members, for credits."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from app.wire.pool_admin import GrantRequest, LimitRequest
from app.wire.pool_keys import PoolKeyRequest
from tests.server.host.pools import Gate, Pool, chat, pool, workers
from tests.support.pool_worker import offered

PRICE_IN, PRICE_OUT = 0.1, 0.4


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """One pool for the tests that leave it as it was."""
    with pool(tmp_path_factory.mktemp("pool"), "--queue-seconds", "20") as running:
        yield running


def ask(club: Pool, body: dict[str, object], **headers: str) -> httpx.Response:
    """The answer to a chat, with one machine in the pool."""

    async def act() -> httpx.Response:
        async with workers(club, "box"), club.api(**headers) as api:
            return await api.post("/chat/completions", json=body)

    return asyncio.run(act())


def test_a_request_is_answered_by_a_member_and_paid_by_its_caller(club: Pool) -> None:
    before, _ = club.available()

    answer = ask(club, chat("hello pool"))

    body, usage = answer.json(), answer.json()["usage"]
    assert answer.status_code == 200, body
    assert body["choices"][0]["message"]["content"] == "hello pool"
    cost = usage["prompt_tokens"] * PRICE_IN + usage["completion_tokens"] * PRICE_OUT
    assert abs(usage["cost_micros"] - cost) <= 0.5
    assert club.available() == (before - usage["cost_micros"], 0)


def test_headers_tell_who_served_for_how_much_and_under_which_job(club: Pool) -> None:
    answer = ask(club, chat("hello"))

    headers, usage = answer.headers, answer.json()["usage"]
    assert headers["x-athanor-served-by"] == "box"
    assert headers["x-athanor-model"] == club.sha256
    assert int(headers["x-athanor-cost-micros"]) == usage["cost_micros"]
    assert headers["x-athanor-job"].startswith("job_")
    assert headers["x-athanor-receipt-key"]


def test_the_worker_gets_a_verdict_on_its_receipt_and_its_share(club: Pool) -> None:
    async def act() -> int:
        async with workers(club, "box") as (box,), club.api() as api:
            answer = await api.post("/chat/completions", json=chat("hello"))
            await box.until(lambda: len(box.verdicts) == 1)
            return int(answer.json()["usage"]["cost_micros"])

    before, _ = club.available("member")
    cost = asyncio.run(act())
    earned = club.available("member")[0] - before

    assert cost * 85 // 100 - 1 <= earned <= cost * 85 // 100


def test_several_choices_are_several_jobs_in_one_answer(club: Pool) -> None:
    answer = ask(club, chat("four words in all", n=3)).json()

    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in answer["choices"]} == {"four words in all"}
    assert answer["usage"]["completion_tokens"] == 3 * len("four words in all")


def test_the_older_api_answers_each_prompt_of_a_list(club: Pool) -> None:
    async def act() -> httpx.Response:
        async with workers(club, "box"), club.api() as api:
            body = {"model": "echo", "prompt": ["ab", "xy"], "max_tokens": 3}
            return await api.post("/completions", json=body)

    answer = asyncio.run(act()).json()

    assert [choice["text"] for choice in answer["choices"]] == ["cde", "zab"]


def test_who_has_no_credits_is_told_what_is_lacking(club: Pool) -> None:
    club.host.account("poor", credits=0)
    secret = club.host.key("poor")

    answer = ask(club, chat("hello"), Authorization=f"Bearer {secret}")

    detail = answer.json()["error"]
    assert (answer.status_code, detail["code"]) == (402, "credits_short")
    assert detail["needed_micros"] > detail["available_micros"] == 0
    assert detail["remedy"]


def test_a_balance_that_ends_ends_the_answer_as_at_its_length(club: Pool) -> None:
    club.host.account("thrifty", credits=20e-6)
    secret = club.host.key("thrifty")

    async def act() -> httpx.Response:
        async with workers(club, "box"), club.api(secret) as api:
            body = {"model": "echo", "prompt": "ab", "max_tokens": 300}
            return await api.post("/completions", json=body)

    answer = asyncio.run(act()).json()

    assert "error" not in answer, answer
    assert answer["choices"][0]["text"].startswith("cdef")
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["is_out_of_credits"] is True
    balance, held = club.available("thrifty")
    assert balance >= 0 and held == 0


@pytest.mark.parametrize("secret", ["", "athp_nobody", "x" * 300])
def test_without_a_key_of_the_pool_nothing_is_answered(club: Pool, secret: str) -> None:
    with httpx.Client(base_url=club.host.base_url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}

        answer = client.post("/chat/completions", json=chat("hello"), headers=headers)

        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_model_that_nobody_offers_is_unserved_with_words_and_a_time(club: Pool) -> None:
    async def act() -> httpx.Response:
        async with club.api() as api:
            return await api.post("/chat/completions", json=chat("hello"))

    answer = asyncio.run(act())

    detail = answer.json()["error"]
    assert (answer.status_code, detail["code"]) == (503, "unserved")
    assert int(answer.headers["retry-after"]) == detail["retry_after_seconds"] >= 1
    assert "model" in detail["message"]


def test_an_unknown_model_is_a_404_with_the_nearest(club: Pool) -> None:
    answer = ask(club, {**chat("hello"), "model": "ecco"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_wishes_that_nobody_fulfils_say_what_would_work(club: Pool) -> None:
    answer = ask(club, chat("hello", provider={"trust": "friends"}))

    detail = answer.json()["error"]
    assert (answer.status_code, detail["code"]) == (503, "unserved")
    assert "provider.trust" in detail["message"]


@pytest.mark.parametrize("provider", [{"sort": "luck"}, {"max_price": {"output": -1}}, {"x": 1}])
def test_a_wrong_wish_is_refused_by_its_name(club: Pool, provider: dict[str, object]) -> None:
    answer = ask(club, chat("hello", provider=provider))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("provider.")


def test_a_prompt_past_the_context_is_refused_before_anybody_is_asked(club: Pool) -> None:
    answer = ask(club, chat("x" * 9000))

    detail = answer.json()["error"]
    assert (answer.status_code, detail["code"]) == (400, "context_length_exceeded")
    assert detail["n_prompt_tokens"] > detail["n_ctx"]
    assert "fewer tokens" in detail["remedy"] and "load" not in detail["remedy"]


def test_who_may_ask_no_more_has_nothing_counted_for_it(club: Pool) -> None:
    club.host.account("once a day")
    secret = club.host.key("once a day")
    with club.host.client() as client:
        client.set_limit(
            LimitRequest(
                subject="account", id="once a day", measure="requests", period="day", amount=1
            )
        )

    async def act() -> list[httpx.Response]:
        async with workers(club, "box"), club.api(secret) as api:
            return [await api.post("/chat/completions", json=chat("x" * 9000)) for _ in range(2)]

    wrong, refused = asyncio.run(act())

    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "limit_reached")


def test_models_are_listed_with_price_context_and_wait(club: Pool) -> None:
    async def act() -> tuple[dict[str, object], dict[str, object]]:
        async with club.api() as api:
            (nobody,) = (await api.get("/models")).json()["data"]
            async with workers(club, "box"):
                (lent,) = (await api.get("/models")).json()["data"]
            return nobody, lent

    nobody, lent = asyncio.run(act())

    assert (nobody["lending"], nobody["wait_seconds"]) == (0, None)
    assert (lent["lending"], lent["wait_seconds"]) == (1, 0.0)
    assert lent["prices"] == {"input": 100_000, "cached_input": 20_000, "output": 400_000}
    assert lent["context_length"] == offered("").context and lent["sha256"] == club.sha256


def test_asking_again_with_one_idempotency_key_is_paid_once(club: Pool) -> None:
    async def act() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        headers = {"Idempotency-Key": "once"}
        async with workers(club, "box"), club.api(**headers) as api:
            first = await api.post("/chat/completions", json=chat("hello"))
            again = await api.post("/chat/completions", json=chat("hello"))
            other = await api.post("/chat/completions", json=chat("something else"))
            return first, again, other

    before, _ = club.available()
    first, again, other = asyncio.run(act())

    assert first.json()["choices"] == again.json()["choices"]
    assert first.json()["id"] == again.json()["id"]
    assert before - club.available()[0] == first.json()["usage"]["cost_micros"]
    assert (other.status_code, other.json()["error"]["code"]) == (409, "request_conflict")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", chat("hello", n=3)),
        ("/completions", {"model": "echo", "prompt": ["ab", "xy"], "max_tokens": 3}),
    ],
)
def test_no_part_of_a_request_with_the_key_of_another_is_begun(
    club: Pool, path: str, body: dict[str, object]
) -> None:
    async def act() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        headers = {"Idempotency-Key": f"of another {path}"}
        async with workers(club, "box"), club.api(**headers) as api:
            first = await api.post("/chat/completions", json=chat("hello"))
            other = await api.post(path, json=body)
            return first, other, await api.get("/credits/balance")

    before, _ = club.available()
    first, other, balance = asyncio.run(act())

    assert (other.status_code, other.json()["error"]["code"]) == (409, "request_conflict")
    assert "x-athanor-job" not in other.headers
    left = before - first.json()["usage"]["cost_micros"]
    assert (balance.json()["balance"], balance.json()["held"]) == (left, 0)


def test_requests_that_come_at_once_with_one_key_have_one_answer_that_is_paid_once(
    club: Pool,
) -> None:
    async def act() -> list[httpx.Response]:
        async with workers(club, "box"), club.api(**{"Idempotency-Key": "at once"}) as api:
            return await asyncio.gather(
                *(api.post("/chat/completions", json=chat("hello")) for _ in range(4))
            )

    before, _ = club.available()
    answers = asyncio.run(act())

    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.headers["x-athanor-job"] for answer in answers}) == 1
    assert before - club.available()[0] == answers[0].json()["usage"]["cost_micros"]


def test_a_key_whose_request_came_to_nothing_can_be_sent_again(club: Pool) -> None:
    club.host.account("late payer", credits=0)
    secret = club.host.key("late payer")

    async def act() -> tuple[httpx.Response, httpx.Response]:
        headers = {"Idempotency-Key": "first without credits"}
        async with workers(club, "box"), club.api(secret, **headers) as api:
            short = await api.post("/chat/completions", json=chat("hello"))
            with club.host.client() as client:
                client.grant(GrantRequest(account="late payer", amount=1_000_000, reason="paid"))
            return short, await api.post("/chat/completions", json=chat("hello"))

    short, answered = asyncio.run(act())

    assert short.status_code == 402
    assert answered.status_code == 200, answered.text
    assert answered.json()["choices"][0]["message"]["content"] == "hello"


def test_where_one_choice_is_refused_the_others_end_and_all_are_asked_anew(club: Pool) -> None:
    club.host.account("short of one", credits=17e-6)
    secret = club.host.key("short of one")

    async def act() -> tuple[httpx.Response, int, httpx.Response]:
        gate, headers = Gate(0), {"Idempotency-Key": "three for two"}
        async with (
            workers(club, "box", before=gate, slots=1) as (box,),
            club.api() as api,
            club.api(secret, **headers) as short,
        ):
            first = asyncio.create_task(api.post("/chat/completions", json=chat("hello")))
            await asyncio.wait_for(gate.reached.wait(), 30)
            refused = await short.post("/chat/completions", json=chat("hello", n=3))
            gate.opened.set()
            await first
            await api.post("/chat/completions", json=chat("hello"))
            asked = len(box.attempts)
            with club.host.client() as client:
                client.grant(GrantRequest(account="short of one", amount=10_000, reason="paid"))
            return refused, asked, await short.post("/chat/completions", json=chat("hello", n=3))

    refused, asked, answered = asyncio.run(act())

    assert (refused.status_code, asked) == (402, 2)
    answer = answered.json()
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["hello"] * 3
    assert club.available("short of one") == (10_017 - answer["usage"]["cost_micros"], 0)


def test_the_last_chunk_of_a_stream_tells_usage_and_cost_though_nobody_asked(club: Pool) -> None:
    answer = ask(club, chat("hello", stream=True))

    events = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "data: [DONE]"
    last = json.loads(events[-2].removeprefix("data: "))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["cost_micros"] > 0


def test_a_key_without_the_scope_for_it_asks_nothing(club: Pool) -> None:
    with club.host.client() as client:
        made = client.make_pool_key(
            PoolKeyRequest(account="caller", name="books", scopes=("billing",))
        )

    answer = ask(club, chat("hello"), Authorization=f"Bearer {made.secret}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
