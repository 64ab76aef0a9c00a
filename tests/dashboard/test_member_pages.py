"""The pages of a node in a pool: joining, rules, credits with figures; and no barriers."""

from collections.abc import Iterator

import pytest

from app.wire.pool import Market
from tests.dashboard.axe import barriers
from tests.dashboard.chromium import WAIT_SECONDS_MAX, chromium
from tests.dashboard.conftest import link
from tests.dashboard.pilot import Pilot
from tests.server.node.pool.spenders import QUOTE
from tests.server.node.pool.test_process import answer, client
from tests.support.node import RunningNode, running_node
from tests.support.scripted_host import HostThread


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostThread]:
    with HostThread(tmp_path_factory.mktemp("host")) as thread:
        yield thread


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("member") / "home") as node:
        yield node


@pytest.fixture(scope="module")
def owner(member: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pilot]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.set_script_timeout(WAIT_SECONDS_MAX)
        pilot = Pilot(browser, member.root_url)
        pilot.go(link(member))
        pilot.until(lambda: browser.current_url == member.root_url + "/")
        yield pilot


def test_an_owner_joins_sets_the_rules_and_sees_what_was_spent(
    owner: Pilot, member: RunningNode, club: HostThread
) -> None:
    owner.size(1280, 900)
    owner.go("/dashboard/sharing")
    owner.write("#invite", "AFRH")
    owner.click("form[action='/dashboard/pool/join'] button")
    owner.sees("[data-toasts]", "invite")

    owner.write("#invite", club.host.invite())
    owner.click("form[action='/dashboard/pool/join'] button")
    owner.sees("#card-membership", "Connected to Club")
    owner.ask("document.querySelector('#spending').value = 'prefix'")
    owner.ask("document.querySelector('#trust').value = 'anyone'")
    owner.write("#spend_day_max", "2.5")
    owner.click("form[action='/dashboard/sharing/spending'] button")
    owner.sees("#card-membership", "Club")
    settings = member.home / "config.toml"
    owner.until(lambda: settings.exists() and 'spend_day_max = "2.5"' in settings.read_text())

    owner.go("/dashboard/sharing")
    assert "machines that name it" in owner.find("#region-about").text
    owner.write("#region", "EU")
    owner.click("form[action='/dashboard/sharing/lending'] button")
    owner.until(lambda: 'region = "EU"' in settings.read_text())
    assert 'spend_day_max = "2.5"' in settings.read_text()

    club.do(club.host.send(Market(quotes=(QUOTE,))))
    told = club.begin(answer(club.host, cost=1_250_000))
    client(member).chat.completions.create(
        model="pool/large", messages=[{"role": "user", "content": "count"}]
    )
    told.result(30)
    owner.go("/dashboard/credits")
    owner.sees("#card-credits", "pool/large")
    owner.click("form[action='/dashboard/credits/verify'] button")
    owner.sees("#verified", "All of it agrees.")
    owner.find("[data-days] canvas")


@pytest.mark.parametrize("path", ["/dashboard/sharing", "/dashboard/credits"])
def test_the_pages_of_a_member_have_no_serious_barrier_and_fit_a_phone(
    owner: Pilot, path: str
) -> None:
    found = {}
    for scheme in ("light", "dark"):
        owner.colours(scheme)
        owner.go(path)
        owner.find("h1")
        found[scheme] = barriers(owner)
    owner.size(360, 740)
    owner.go(path)
    owner.find("h1")

    assert found == {"light": [], "dark": []}
    assert owner.ask("return document.documentElement.scrollWidth") <= 360  # type: ignore[operator]
    assert owner.complaints() == []
