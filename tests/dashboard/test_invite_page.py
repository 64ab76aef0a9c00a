"""The page that a link opens: what an invite says, in a browser, and the buttons that answer it."""

from collections.abc import Iterator

import pytest

from app.client.client import Client
from app.settings.paths import Paths
from tests.dashboard.axe import barriers
from tests.dashboard.chromium import WAIT_SECONDS_MAX, chromium
from tests.dashboard.pilot import Pilot
from tests.support.node import RunningNode, running_node
from tests.support.scripted_host import HostThread


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostThread]:
    with HostThread(tmp_path_factory.mktemp("host")) as thread:
        yield thread


@pytest.fixture(scope="module")
def invited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("invited") / "home") as node:
        yield node


@pytest.fixture(scope="module")
def guest(invited: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pilot]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.set_script_timeout(WAIT_SECONDS_MAX)
        yield Pilot(browser, invited.root_url)


def open_link(guest: Pilot, node: RunningNode, link: str) -> None:
    """As the system does it: the program asks, a browser opens what it says."""
    with Client.find(Paths.under(node.home)) as client:
        address = client.open_link(link)
    guest.go(address.removeprefix(node.root_url))
    guest.until(lambda: guest.browser.current_url == f"{node.root_url}/dashboard/invite")


def test_an_invite_asks_without_barriers_is_forgotten_by_one_button_and_joined_by_the_other(
    guest: Pilot, invited: RunningNode, club: HostThread
) -> None:
    guest.size(1280, 900)
    open_link(guest, invited, club.host.invite())
    guest.sees("#invited", "Ada invites this machine")
    for scheme in ("light", "dark"):
        guest.colours(scheme)
        assert barriers(guest) == []
    guest.size(360, 740)
    assert guest.ask("return document.documentElement.scrollWidth") <= 360  # type: ignore[operator]
    assert not club.host.greeted

    guest.click("form[action='/dashboard/invite/decline'] button")
    guest.until(lambda: guest.browser.current_url.endswith("/dashboard/sharing"))
    assert not club.host.greeted

    open_link(guest, invited, club.host.invite())
    guest.write("#name", "attic")
    guest.click("form[action='/dashboard/invite/accept'] button")
    guest.sees("#card-membership", "Connected to Club")
    assert club.host.greeted[0].hello.name == "attic"


def test_a_damaged_invite_says_what_is_wrong_and_offers_no_button(
    guest: Pilot, invited: RunningNode
) -> None:
    open_link(guest, invited, "athanor://join/AFRHAFRH")

    guest.sees("[role=alert]", "invite")
    assert not guest.all("form[action='/dashboard/invite/accept']")
    assert barriers(guest) == []
