"""Law of every refusal of a pool's host: as the node's (tests/server/web/test_refusals.py)."""

import asyncio
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from app.core.base.units import Micros
from app.wire.openai.errors import ErrorAnswer
from app.wire.pool_admin import LimitRequest
from app.wire.pool_keys import PoolKeyRequest
from tests.server.host.pools import Pool, chat, pool, workers
from tests.support.refusals import Refusal, check_refusal

CHAT = "/v1/chat/completions"
BODY_BYTES_MAX = 65_536
HELLO = json.dumps(chat("hello")).encode()


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool in which nobody lends."""
    folder = tmp_path_factory.mktemp("pool")
    flags = ("--queue-seconds", "0", "--pool-body-bytes-max", str(BODY_BYTES_MAX))
    with pool(folder, *flags) as running:
        yield running


def body(**fields: object) -> bytes:
    """A chat with other fields."""
    return json.dumps({**chat("hello"), **fields}).encode()


REFUSALS = [
    Refusal("no JSON", "POST", CHAT, b"{", 400, "invalid_json"),
    Refusal("a field is missing", "POST", CHAT, b"{}", 400, "missing_required_parameter"),
    Refusal("of another type", "POST", CHAT, body(temperature="warm"), 400, "invalid_type"),
    Refusal("a value", "POST", CHAT, body(temperature=-1), 400, "invalid_value"),
    Refusal("a wish", "POST", CHAT, body(provider={"sort": "luck"}), 400, "invalid_value"),
    Refusal(
        "a header", "POST", CHAT, HELLO, 400, "invalid_request", {"Idempotency-Key": "x" * 999}
    ),
    Refusal(
        "a cost of 4,500 digits", "POST", CHAT, HELLO, 400, "invalid_request",
        {"x-athanor-cost-max-micros": "9" * 4500},
    ),
    Refusal(
        "too long", "POST", CHAT, json.dumps(chat("x" * 9000)).encode(), 400,
        "context_length_exceeded",
    ),
    Refusal(
        "no embedder", "POST", "/v1/embeddings", b'{"model":"echo","input":"x"}', 400, "unsupported"
    ),
    Refusal("no such model", "POST", CHAT, body(model="nobody"), 404, "model_not_found"),
    Refusal("no path", "GET", "/v1/nothing", b"", 404, "not_found"),
    Refusal("no such method", "DELETE", "/v1/models", b"", 405, "method_not_allowed"),
    Refusal("too large", "POST", CHAT, b" " * (BODY_BYTES_MAX + 1), 413, "request_too_large"),
    Refusal(
        "no JSON by its type", "POST", CHAT, HELLO, 415, "unsupported_media_type",
        {"Content-Type": "text/plain"},
    ),
    Refusal(
        "a wrong key", "POST", CHAT, HELLO, 401, "invalid_api_key", {"Authorization": "Bearer x"}
    ),
    Refusal("the operator's", "GET", "/local/host/accounts", b"", 403, "forbidden"),
    Refusal("nobody lends", "POST", CHAT, HELLO, 503, "unserved"),
]  # fmt: skip


def client(club: Pool, secret: str) -> httpx.Client:
    """A program with that key, which follows the paths as they are written."""
    return httpx.Client(
        base_url=club.host.root_url,
        headers={"Authorization": f"Bearer {secret}"},
        trust_env=False,
        timeout=60,
    )


def served(club: Pool, account: str, refusal: Refusal, *, answered: int = 0) -> ErrorAnswer:
    """Asks for a refusal while a machine lends, after so many answers."""
    with client(club, club.host.key(account)) as program:

        async def act() -> ErrorAnswer:
            async with workers(club, f"box of {account}"):
                for _ in range(answered):
                    answer = await asyncio.to_thread(program.post, CHAT, json=chat("hello"))
                    assert answer.status_code == 200, answer.text
                return await asyncio.to_thread(check_refusal, program, refusal)

        return asyncio.run(act())


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_of_the_host_can_be_named_and_understood(club: Pool, refusal: Refusal) -> None:
    with client(club, club.secret) as program:
        check_refusal(program, refusal)


@pytest.mark.parametrize("most", ["0", "-1", "1.5", "much"])
def test_a_cost_that_cannot_be_meant_is_refused_with_what_may_be_said(
    club: Pool, most: str
) -> None:
    headers = {"x-athanor-cost-max-micros": most}
    asked = Refusal("a cost", "POST", CHAT, HELLO, 400, "invalid_request", headers)

    with client(club, club.secret) as program:
        told = check_refusal(program, asked)

    assert "a whole number of micros, above 0" in told.error.message


def test_who_has_no_credits_is_told_so(club: Pool) -> None:
    club.host.account("poor", credits=0)

    told = served(club, "poor", Refusal("poor", "POST", CHAT, HELLO, 402, "credits_short"))

    assert told.error.remedy


def test_who_is_past_a_limit_is_told_when_to_come_again(club: Pool) -> None:
    club.host.account("eager")
    with club.host.client() as operator:
        operator.set_limit(
            LimitRequest(
                subject="account", id="eager", measure="requests", period="minute", amount=Micros(1)
            )
        )

    served(club, "eager", Refusal("eager", "POST", CHAT, HELLO, 429, "limit_reached"), answered=1)


def test_answers_and_refusals_tell_what_the_limits_leave(
    club: Pool,
) -> None:
    club.host.account("counted")
    with club.host.client() as operator:
        operator.set_limit(
            LimitRequest(
                subject="account", id="counted", measure="requests", period="day", amount=Micros(2)
            )
        )

    async def act() -> list[httpx.Response]:
        async with workers(club, "box of counted"), club.api(club.host.key("counted")) as api:
            bodies = [chat("hello"), chat("hello", stream=True), chat("hello")]
            return [await api.post("/chat/completions", json=body) for body in bodies]

    answers = asyncio.run(act())

    told = [
        (answer.status_code, answer.headers["x-ratelimit-remaining-requests"]) for answer in answers
    ]
    assert told == [(200, "1"), (200, "0"), (429, "0")]
    for answer in answers:
        assert answer.headers["x-ratelimit-limit-requests"] == "2"
        assert re.fullmatch(r"(\d+h)?(\d+m)?\d+s", answer.headers["x-ratelimit-reset-requests"])


def test_a_key_of_another_scope_is_told_so(club: Pool) -> None:
    with club.host.client() as operator:
        made = operator.make_pool_key(
            PoolKeyRequest(account="caller", name="books", scopes=("billing",))
        )

    with client(club, made.secret) as program:
        check_refusal(program, Refusal("scope", "POST", CHAT, HELLO, 403, "forbidden"))
