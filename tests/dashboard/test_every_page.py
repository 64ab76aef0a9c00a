"""What holds for every page: no barrier, no sideways scrolling, no complaint of the browser."""

import pytest

from app.server.web.dashboard.pages import PAGES
from tests.dashboard.axe import barriers
from tests.dashboard.pilot import Pilot

MORE = (
    "/?start",
    "/dashboard/catalogue",
    "/dashboard/model?name=echo",
    "/dashboard/connect?app=zed",
    "/dashboard/invite",
)
PATHS = (*(page.path for page in PAGES), *MORE)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_no_serious_barrier_in_light_and_dark(pilot: Pilot, path: str) -> None:
    found = {}
    for scheme in ("light", "dark"):
        pilot.colours(scheme)
        pilot.go(path)
        pilot.find("h1")
        found[scheme] = barriers(pilot)

    assert found == {"light": [], "dark": []}


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_a_phone_and_a_wall(pilot: Pilot, path: str) -> None:
    for width, height in ((360, 740), (3840, 2160)):
        pilot.size(width, height)
        pilot.go(path)
        pilot.find("h1")

        assert pilot.ask("return document.documentElement.scrollWidth") <= width  # type: ignore[operator]
    assert pilot.complaints() == []


def test_a_table_of_words_is_whole_on_a_desktop(pilot: Pilot) -> None:
    pilot.go("/dashboard/sharing")

    table = "document.querySelector('[aria-labelledby=readers] .scroll')"
    assert pilot.ask(f"return {table}.scrollWidth <= {table}.clientWidth")


def test_who_is_not_signed_in_meets_no_barrier_either(pilot: Pilot) -> None:
    cookies = pilot.browser.get_cookies()
    pilot.browser.delete_all_cookies()
    try:
        found = {}
        for path in ("/dashboard/keys", "/dashboard/sharing", "/?start"):
            pilot.size(360, 740)
            pilot.go(path)
            pilot.find("h1")
            assert pilot.ask("return document.documentElement.scrollWidth") <= 360  # type: ignore[operator]
            found[path] = barriers(pilot)
        assert not any(found.values()), found
    finally:
        for cookie in cookies:
            pilot.browser.add_cookie(cookie)


def test_what_went_wrong_is_told_on_a_page_without_barriers(pilot: Pilot) -> None:
    pilot.go("/dashboard/model?name=no-such-model")

    assert "no-such-model" in pilot.says("main")
    assert barriers(pilot) == []


def test_a_page_of_an_older_version_reloads_itself(pilot: Pilot) -> None:
    pilot.go("/dashboard/requests")
    pilot.until(lambda: pilot.find("[data-pulse]").get_attribute("data-is") == "live")

    pilot.ask("document.documentElement.dataset.version = 'older'; window.isOld = true")

    pilot.until(lambda: pilot.ask("return !window.isOld"))
    pilot.find("h1")


def test_a_conversation_is_not_lost_to_an_update(pilot: Pilot) -> None:
    pilot.go("/dashboard/playground?model=echo")
    pilot.click("[data-example]")
    pilot.sees(".message.is-assistant .stats", "tokens")

    pilot.ask("document.documentElement.dataset.version = 'older'")

    pilot.sees("[data-updated]", "Reload it")
    assert pilot.all(".message")


def test_the_colours_can_be_chosen_and_stay_so(pilot: Pilot) -> None:
    pilot.go("/dashboard/sharing")
    light = pilot.ask("return getComputedStyle(document.body).backgroundColor")

    pilot.click("[data-theme-switch]")
    pilot.click("[data-theme-switch]")

    assert "dark" in pilot.says("[data-theme-switch]")
    pilot.go("/dashboard/sharing")
    assert pilot.ask("return getComputedStyle(document.body).backgroundColor") != light
    pilot.click("[data-theme-switch]")
    assert pilot.ask("return localStorage.length") == 0
