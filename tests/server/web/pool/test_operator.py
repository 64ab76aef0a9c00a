"""Laws of what an operator does by the terminal: each command against a real host."""

import json
from collections.abc import Iterator

import httpx
import pytest

from app.cli.main import main
from tests.support.node import put_toy
from tests.support.pool_host import RunningHost, running_host


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host that offers nothing and knows nobody."""
    with running_host(tmp_path_factory.mktemp("host")) as running:
        yield running


@pytest.fixture(autouse=True)
def _at_home(host: RunningHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATHANOR_HOME", str(host.home))


class Told:
    """What a command says and how it ends."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, line: str, *, code: int = 0) -> str:
        assert main(["pool", *line.split()]) == code, self._capsys.readouterr()
        return self._capsys.readouterr().out

    def json(self, line: str, *, code: int = 0) -> dict[str, object]:
        found = json.loads(self(f"{line} --json", code=code))
        assert isinstance(found, dict)
        return found


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys)


def test_an_account_is_made_changed_and_closed(told: Told) -> None:
    told("accounts add anna")
    assert "anna" in told("accounts list")

    told("accounts set anna --vetted --weight 3")
    told("accounts set anna --pause loud")
    assert "paused (loud), vetted, weight 3" in told("accounts show anna")
    told("accounts set anna --resume")
    closed = told.json("accounts set anna --close gone")

    assert (closed["state"], closed["reason"]) == ("closed", "gone")
    told("accounts set anna --resume", code=1)
    told("accounts show nobody", code=4)
    told("accounts add anna", code=1)
    told("accounts set anna", code=2)


def test_a_grant_is_made_once_by_its_id_and_goes_to_the_right_kind(told: Told) -> None:
    told("accounts add berta")

    first = told.json("grant berta 2.5 --source bought --id order-1")
    again = told.json("grant berta 2.5 --source bought --id order-1")
    told("grant berta 3 --source bought --id order-1", code=1)
    told("grant berta 1 --days 30")

    assert (first["is_new"], again["is_new"]) == (True, False)
    shown = told.json("accounts show berta")
    assert shown["credits"] == {"bought": 2_500_000, "granted": 1_000_000}
    told("grant berta -1", code=2)
    told("grant berta 0", code=1)
    told("grant nobody 1", code=4)
    assert told.json("audit")["holds"] is True


def test_a_grant_is_taken_back_and_what_was_spent_of_it_is_owed(told: Told) -> None:
    told("accounts add berthold")
    told("grant berthold 2.5 --source bought --id order-7")
    told("grant berthold 1")

    part = told.json("clawback order-7 1 --id refund-1")
    rest = told.json("clawback order-7 --reason chargeback")

    assert (part["amount"], part["is_new"]) == (1_000_000, True)
    assert (rest["amount"], rest["is_new"]) == (1_500_000, True)
    assert rest["account"]["balance"] == 1_000_000
    assert told.json("clawback order-7")["is_new"] is False
    assert told.json("clawback order-7 1 --id refund-1")["is_new"] is False
    told("clawback order-7 2 --id refund-1", code=1)
    told("clawback order-7 2 --id refund-2", code=1)
    told("clawback order-8", code=4)
    assert told.json("audit")["holds"] is True


def test_a_key_works_until_it_is_revoked(told: Told, host: RunningHost) -> None:
    told("accounts add cleo")
    secret = told("keys add cleo laptop --days 30").strip()

    def status() -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.get(f"{host.base_url}/key", headers=headers, trust_env=False).status_code

    assert status() == 200
    assert secret not in told("keys list")
    told("keys revoke laptop")
    assert status() == 401
    told("keys revoke laptop", code=4)
    told("keys add cleo x --project none", code=4)


def test_a_closed_project_refuses_its_keys(told: Told, host: RunningHost) -> None:
    told("accounts add dora")
    told("accounts project dora site")
    secret = told("keys add dora web --project site").strip()

    told("accounts project dora site --close")

    headers = {"Authorization": f"Bearer {secret}"}
    answer = httpx.get(f"{host.base_url}/key", headers=headers, trust_env=False)
    assert answer.status_code == 401
    told("keys add dora web --project site", code=1)


def test_limits_are_set_shown_and_taken_away(told: Told) -> None:
    told("accounts add emil")

    told("limits account emil credits day 0.5")
    assert "0 of 0.5 credits a day" in told("limits account emil")
    told("limits account emil credits day none")

    assert "credits" not in told("limits account emil")
    assert "600 requests a minute" in told("limits account emil")
    told("limits account emil credits day", code=2)
    told("limits account emil requests day many", code=2)
    told("limits key nothing requests day 5", code=4)


def test_keys_and_projects_have_limits_of_their_own_by_their_names(told: Told) -> None:
    told("accounts add gina")
    told("accounts project gina site")
    shown = told("keys add gina tablet --project site").strip()[:15]

    told("limits key tablet requests minute 3")
    told("limits project gina/site credits month 1.5")

    assert "of 3 requests a minute" in told("limits key tablet")
    assert "0 of 1.5 credits a month" in told("limits project gina/site")
    assert "credits" not in told("limits account gina")
    (key,) = (each for each in told.json("keys list")["keys"] if each["name"] == "tablet")
    assert shown.startswith(key["shown"])
    assert "of 3 requests a minute" in told(f"limits key {key['shown']}")
    told("limits project gina/none", code=2)
    told("limits project nobody/site", code=4)


def test_friends_are_made_and_parted(told: Told) -> None:
    told("accounts add fritz")
    told("accounts add gerda")

    assert "gerda" in told("accounts friends fritz gerda")
    assert "friend   fritz" in told("accounts show gerda")
    assert "nobody" in told("accounts friends gerda fritz --end")
    told("accounts friends fritz fritz", code=1)


def test_invites_are_made_listed_and_taken_back(told: Told) -> None:
    told("accounts add hans")

    text = told("invite ida --credits 2 --uses 3").strip()
    made = told.json("invite --device-of hans")
    assert text.startswith("athanor://join/")
    listed = told("invites list")
    assert text not in listed and "ida" in listed
    invite = made["invite"]
    assert isinstance(invite, dict)
    told(f"invites revoke {invite['id']}")

    assert "taken back" in told("invites list")
    told("invites revoke inv_none", code=4)
    told("invite --device-of hans --friend-of hans", code=2)
    told("invite --friend-of nobody", code=4)


def test_a_model_is_put_on_the_list_of_the_running_host_and_taken_off(
    told: Told, host: RunningHost
) -> None:
    toy = put_toy(host.home / "toys", "echo")
    assert told.json("models list")["models"] == []

    told(f"models add {toy} --name echo --output 0.4")
    (offered,) = told.json("models list")["models"]  # type: ignore[misc]
    assert (offered["name"], offered["input_price"], offered["output_price"]) == (
        "echo", 100_000, 400_000,
    )  # fmt: skip
    assert "echo" in told("prices")
    told("models remove echo")

    assert told.json("models list")["models"] == []
    told("models remove echo", code=4)
    told("models add /no/such/file", code=4)


def test_a_price_list_that_is_wrong_is_named_and_the_old_one_holds(
    told: Told, host: RunningHost
) -> None:
    toy = put_toy(host.home / "toys", "other")
    told(f"models add {toy} --name other")
    file = host.paths.pool_prices_file
    good = file.read_text()
    file.write_text(good + "\n[[models]]\nname = 5\n")

    told("prices", code=2)
    with host.client() as client, pytest.raises(Exception, match="prices"):
        client.reread_prices()
    assert [m["name"] for m in told.json("models list")["models"]] == ["other"]  # type: ignore[attr-defined]
    file.write_text(good)


def test_figures_machines_usage_and_pages_are_told_where_nothing_happened(told: Told) -> None:
    assert "0 machines connected" in told("overview")
    assert "There are no machines" in told("machines list")
    assert "Nothing was asked" in told("usage --by model --days 1")
    assert "/dashboard/enter?code=" in told("open --no-browser")
    told("machines remove attic", code=4)


def test_without_a_host_every_command_says_how_one_is_started(
    told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("ATHANOR_HOME", str(tmp_path_factory.mktemp("empty")))

    for line in ("accounts list", "keys list", "invite", "grant anna 1", "audit", "overview"):
        told(line, code=3)


def test_the_local_api_is_closed_to_keys_and_to_strangers(told: Told, host: RunningHost) -> None:
    told("accounts add karl")
    secret = told("keys add karl laptop").strip()
    routes = (("GET", "/local/host/accounts"), ("POST", "/local/host/audit"),
              ("POST", "/local/dashboard"), ("POST", "/local/stop"))  # fmt: skip

    for method, path in routes:
        for headers in ({}, {"Authorization": f"Bearer {secret}"}):
            answer = httpx.request(method, host.root_url + path, headers=headers, trust_env=False)
            assert answer.status_code in (401, 403), path
