"""The operator's pages of a hosted pool: no barrier, no sideways scrolling, what they change."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from app.server.web.pool.pages.frame import POOL_PAGES
from app.wire.pool_keys import InviteRequest
from tests.dashboard.axe import barriers
from tests.dashboard.pilot import Pilot
from tests.server.host.pools import Pool, chat, pool, workers
from tests.support.pool_host import RunningHost

PATHS = (*(page.path for page in POOL_PAGES), "/dashboard/account?name=anna")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host with a model on its list, a request that was answered, accounts, keys, invites."""
    with pool(tmp_path_factory.mktemp("pool")) as made:
        asyncio.run(_answer(made))
        running = made.host
        running.account("anna")
        running.account("<img src=x onerror=window.harm=1>", credits=0)
        running.account("w" * 100, credits=0)
        running.key("anna", "<b>laptop</b>")
        with running.client() as client:
            client.make_invite(InviteRequest(name="bert", credits=5_000_000))
            client.audit()
        yield running


async def _answer(made: Pool) -> None:
    async with workers(made, "box") as (box,), made.api() as api:
        response = await api.post("/chat/completions", json=chat("hello", max_tokens=4))
        assert response.status_code == 200, response.text
        await box.until(lambda: len(box.verdicts) == 1)


@pytest.fixture(scope="module")
def operator(session_pilot: Pilot, host: RunningHost) -> Pilot:
    """The operator's browser, signed in by a link."""
    pilot = Pilot(session_pilot.browser, host.root_url)
    with host.client() as client:
        link = client.dashboard_link("accounts")
    pilot.browser.get(link)
    pilot.until(lambda: pilot.browser.current_url == f"{host.root_url}/dashboard/accounts")
    return pilot


@pytest.fixture
def page(operator: Pilot) -> Iterator[Pilot]:
    """An ordinary window."""
    operator.size(1280, 900)
    operator.colours("light")
    yield operator
    operator.browser.get("about:blank")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_no_serious_barrier_in_light_and_dark(page: Pilot, path: str) -> None:
    page.go(path)
    page.find("h1")
    light = barriers(page)
    page.colours("dark")

    assert {"light": light, "dark": barriers(page)} == {"light": [], "dark": []}
    assert page.ask("return window.harm") is None


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_a_phone_and_a_wall(page: Pilot, path: str) -> None:
    for width, height in ((360, 740), (3840, 2160)):
        page.size(width, height)
        page.go(path)
        page.find("h1")

        assert page.ask("return document.documentElement.scrollWidth") <= width  # type: ignore[operator]
    assert page.complaints() == []


@pytest.mark.parametrize("path", ["/dashboard/books", "/dashboard/usage"])
def test_a_name_as_long_as_a_stranger_may_choose_hides_no_figure(page: Pilot, path: str) -> None:
    page.go(path)
    page.find("table")

    wide = (
        "return [...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth)"
    )
    assert page.ask(wide) == [0, 0]


def test_an_account_is_made_and_granted_credits_by_keyboard_alone(page: Pilot) -> None:
    page.go("/dashboard/accounts")
    page.tab_to("#name").send_keys("cleo")
    page.press("\ue007")

    page.until(lambda: page.find("h1").text == "cleo")
    page.tab_to("#amount").send_keys("2.5")
    page.press("\ue007")

    page.until(lambda: "2.5" in page.find(".figure .value").text)


def test_a_key_gets_a_limit_of_its_own(page: Pilot, host: RunningHost) -> None:
    host.account("emma")
    host.key("emma", "tablet")
    page.go("/dashboard/account?name=emma")
    (key,) = (each for each in page.all("#subject option") if "tablet" in each.text)
    key.click()
    page.write("#most", "7")
    page.click("#period option:nth-child(2)")
    page.click("form[action='/dashboard/account/limit'] button")

    page.sees("section[aria-labelledby=limits]", "The key tablet")
    page.sees("section[aria-labelledby=limits]", "0 of 7 requests a day")


def test_an_invite_is_shown_once_with_a_picture_to_be_scanned(page: Pilot) -> None:
    page.go("/dashboard/invites")
    page.write("#name", "dora")
    page.click("form[action='/dashboard/invites'] button")

    text = page.find(".is-new code").text
    assert text.startswith("athanor://join/")
    picture = page.find(".is-new img")
    assert page.ask("return arguments[0].naturalWidth", picture)

    page.go("/dashboard/invites")
    assert not page.all(".is-new")
    page.sees(".list", "dora")


def test_an_audit_is_run_and_its_verdict_shown(page: Pilot) -> None:
    page.go("/dashboard/books")
    page.click("form[action='/dashboard/books/audit'] button")

    page.sees(".badge.is-good", "all agrees")


def test_the_overview_follows_what_happens(page: Pilot, host: RunningHost) -> None:
    page.go("/")
    page.until(lambda: page.find("[data-pulse]").get_attribute("data-is") == "live")
    before = page.find("[aria-labelledby='members-heading']").text

    host.account("emil", credits=0)

    page.until(lambda: page.find("[aria-labelledby='members-heading']").text != before)


def test_a_request_is_found_by_the_id_that_its_answer_carried(page: Pilot) -> None:
    page.go("/dashboard/usage")
    request = page.find("section[aria-labelledby=requests] td code").text
    page.write("#request", request)
    page.press("\ue007")

    page.until(lambda: page.find("#requests").text == "Found")
    assert [each.text for each in page.all("td code:first-child")] == [request]
    page.write("#request", "unheard-of")
    page.press("\ue007")

    page.sees(".empty", "No request that ended here has that id")


def test_a_stranger_sees_no_page_and_changes_nothing(host: RunningHost) -> None:
    with httpx.Client(base_url=host.root_url, trust_env=False) as client:
        for path in PATHS:
            answer = client.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == 401
            assert "anna" not in answer.text and "athanor pool open" in answer.text
        form = {"name": "mallory"}
        answer = client.post("/dashboard/accounts", data=form, headers={"Origin": host.root_url})
        assert answer.status_code == 401
    with host.client() as operator:
        assert all(account.name != "mallory" for account in operator.pool_accounts())
