"""Laws of what an account asks about itself: by its own key, about itself alone."""

import asyncio
import base64
import re
from collections.abc import Iterator

import httpx
import pytest

from app.core.pool.receipt import VERDICT
from app.server.identity.keys import verify
from app.wire.pool_admin import AccountChange, FriendRequest, GrantRequest, LimitRequest
from app.wire.pool_keys import InviteRequest, PoolKeyRequest
from tests.server.host.pools import Pool, chat, pool, workers

CREDIT = 1_000_000


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool in which one request was answered."""
    with pool(tmp_path_factory.mktemp("pool")) as made:

        async def answer() -> None:
            async with workers(made, "box") as (box,), made.api() as api:
                response = await api.post("/chat/completions", json=chat("hello there"))
                assert response.status_code == 200, response.text
                await box.until(lambda: len(box.verdicts) == 1)

        asyncio.run(answer())
        yield made


def ask(club: Pool, path: str, secret: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {secret or club.secret}"}
    return httpx.get(f"{club.host.base_url}{path}", headers=headers, trust_env=False)


def scoped(club: Pool, *scopes: str, account: str = "caller") -> str:
    request = PoolKeyRequest(account=account, name="one more", scopes=scopes)  # type: ignore[arg-type]
    with club.host.client() as client:
        return client.make_pool_key(request).secret


def test_the_balance_is_what_was_granted_less_what_was_paid(club: Pool) -> None:
    usage = ask(club, "/credits/usage").json()["data"]
    paid = sum(row["cost"] for row in usage)

    found = ask(club, "/credits/balance").json()

    assert paid > 0
    assert found["balance"] == found["available"] == 100 * CREDIT - paid
    assert (found["account"], found["held"], found["owed"]) == ("caller", 0, 0)
    assert found["by_source"] == {"granted": found["balance"]}


def test_usage_tells_counts_and_nothing_that_was_said(club: Pool) -> None:
    answer = ask(club, "/credits/usage")
    (row,) = answer.json()["data"]

    assert row["status"] == "completed" and row["model"] == "echo" and row["project"] == "default"
    assert row["completion_tokens"] > 0 and row["attempts"] == 1
    assert "hello" not in answer.text
    older = ask(club, f"/credits/usage?before={row['created']}&limit=1").json()
    assert older["data"] == [] and older["next_before"] is None


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"/credits/pricing?input_tokens={'9' * 5000}", "input_tokens"),
        (f"/credits/usage?limit={'9' * 5000}", "limit"),
        ("/credits/usage?limit=0", "limit"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_by_its_field(
    club: Pool, path: str, field: str
) -> None:
    answer = ask(club, path)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


def test_a_receipt_is_signed_by_the_pool_and_holds_the_machine_s_own(club: Pool) -> None:
    job = ask(club, "/credits/usage").json()["data"][0]["id"]

    found = ask(club, f"/receipts/{job}").json()

    assert found["pool"] == club.host.pool
    (attempt,) = found["attempts"]
    verdict, signature = (base64.b64decode(attempt[name]) for name in ("verdict", "signature"))
    assert verify(found["pool"], signature, verdict)
    read = VERDICT.read(verdict)
    assert read is not None and read.charged == found["cost"]
    assert verify(attempt["machine"], read.receipt_signature, read.receipt)


def test_the_earner_may_read_the_receipt_and_nobody_else_learns_that_there_is_one(
    club: Pool,
) -> None:
    job = ask(club, "/credits/usage").json()["data"][0]["id"]
    earner = scoped(club, "billing", account="member")
    with club.host.client() as client:
        client.make_pool_account("stranger")
    stranger = scoped(club, "billing", account="stranger")

    assert ask(club, f"/receipts/{job}", earner).status_code == 200
    foreign, unknown = (ask(club, f"/receipts/{name}", stranger) for name in (job, "job_none"))
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
    assert foreign.status_code == 404
    message = foreign.json()["error"]["message"]
    assert "no receipt of that job for this account" in message


def test_a_key_tells_its_limits_and_what_is_left_of_them(club: Pool) -> None:
    with club.host.client() as client:
        client.set_limit(
            LimitRequest(
                subject="account", id="caller", measure="credits", period="month", amount=CREDIT
            )
        )
    paid = sum(row["cost"] for row in ask(club, "/credits/usage").json()["data"])

    found = ask(club, "/key").json()

    assert (found["account"], found["project"]) == ("caller", "default")
    (month,) = [limit for limit in found["limits"] if limit["period"] == "month"]
    assert (month["amount"], month["used"], month["left"]) == (CREDIT, paid, CREDIT - paid)


def test_a_quote_is_what_a_request_would_cost_and_changes_nothing(club: Pool) -> None:
    before = ask(club, "/credits/balance").json()
    body = {"model": "echo", "input_tokens": 2_000_000, "cached_input_tokens": 1_000_000,
            "output_tokens": 1_000_000}  # fmt: skip
    headers = {"Authorization": f"Bearer {club.secret}"}

    posted = httpx.post(
        f"{club.host.base_url}/credits/pricing", json=body, headers=headers, trust_env=False
    ).json()
    got = ask(club, "/credits/pricing?" + "&".join(f"{k}={v}" for k, v in body.items())).json()

    assert posted == got
    (quote,) = posted["data"]
    assert quote["cost"] == 100_000 + 20_000 + 400_000
    assert quote["held_to_begin"] == 2 * 100_000 + 400_000
    assert quote["is_affordable"] is True
    assert ask(club, "/credits/balance").json() == before


def test_a_key_without_the_scope_billing_can_quote_and_learns_no_balance(club: Pool) -> None:
    secret = scoped(club, "inference")

    quote = ask(club, "/credits/pricing", secret).json()

    assert quote["available"] is None
    assert quote["data"][0]["is_affordable"] is None
    for path in ("/credits/balance", "/credits/usage", "/receipts/any"):
        refused = ask(club, path, secret)
        assert refused.status_code == 403 and "billing" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("input_tokens=-1", "input_tokens"),
        ("output_tokens=x", "output_tokens"),
        ("input_tokens=1&cached_input_tokens=2", "cached_input_tokens"),
        ("model=unheard-of", "model"),
    ],
)
def test_a_wrong_question_is_refused_by_its_field(club: Pool, query: str, field: str) -> None:
    refused = ask(club, f"/credits/pricing?{query}")

    assert refused.status_code in (400, 404)
    assert refused.json()["error"]["param"] == field


def test_figures_are_for_keys_of_the_scope_metrics_alone(club: Pool) -> None:
    root = f"{club.host.root_url}/metrics"

    def get(secret: str) -> httpx.Response:
        return httpx.get(root, headers={"Authorization": f"Bearer {secret}"}, trust_env=False)

    assert get(club.secret).status_code == 403
    told = get(scoped(club, "metrics")).text
    assert 'athanor_pool_requests_total{model="echo",status="completed"} 1.0' in told
    labels = set(re.findall(r"[{,](\w+)=", told))
    assert 'athanor_pool_refusals_total{code="forbidden",status="403"}' in told
    assert labels == {"model", "state", "status", "code", "le"}


@pytest.mark.parametrize("path", ["/key", "/credits/balance", "/credits/pricing", "/receipts/x"])
def test_without_a_key_nothing_is_told(club: Pool, path: str) -> None:
    plain = httpx.get(f"{club.host.base_url}{path}", trust_env=False)
    wrong = ask(club, path, "athp_wrong")

    assert plain.status_code == wrong.status_code == 401
    assert plain.headers["www-authenticate"] == "Bearer"


def test_a_paused_account_is_told_why_at_once(club: Pool) -> None:
    with club.host.client() as client:
        client.make_pool_account("loud")
        secret = scoped(club, "inference", account="loud")
        client.change_pool_account("loud", AccountChange(state="paused", reason="too loud"))

    refused = ask(club, "/models", secret)

    assert refused.status_code == 403
    assert "paused: too loud" in refused.json()["error"]["message"]


def test_a_forgotten_account_leaves_no_name_and_the_books_whole(club: Pool) -> None:
    with club.host.client() as client:
        client.make_pool_account("zacharias")
        client.grant(GrantRequest(account="zacharias", amount=CREDIT))
        client.set_friends(FriendRequest(account="zacharias", friend="member"))
        client.make_project("zacharias", "zacharias-site")
        client.make_invite(InviteRequest(name="zacharias"))
    secret = scoped(club, "inference", "billing", account="zacharias")
    assert ask(club, "/key", secret).status_code == 200

    with club.host.client() as client:
        forgotten = client.forget_pool_account("zacharias")
        assert client.audit().holds
        shown = client.pool_account(forgotten.id), client.invites(), client.machines()

    assert ask(club, "/key", secret).status_code == 401
    assert (forgotten.state, forgotten.balance) == ("closed", CREDIT)
    assert shown[0].friends == () and not any(key.is_live for key in shown[0].keys)
    assert "zacharias" not in str(shown)
