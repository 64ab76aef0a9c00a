"""What an owner changes in the browser: models, keys, settings, by mouse and by keyboard."""

from pathlib import Path
from urllib.parse import quote

from selenium.webdriver.common.keys import Keys

from app.core.models.names import slug
from app.settings.paths import Paths
from tests.dashboard.conftest import HOSTILE
from tests.dashboard.pilot import Pilot
from tests.support.node import RunningNode


def focused(pilot: Pilot) -> str | None:
    return pilot.browser.switch_to.active_element.get_attribute("id")


def row(name: str) -> str:
    return f"#card-library li[data-filtered^='{name} ']"


def test_a_model_is_loaded_and_unloaded(pilot: Pilot) -> None:
    load, unload = (f"{row('slow')} form[action$='/{what}'] button" for what in ("load", "unload"))
    pilot.go("/dashboard/models")
    if pilot.all(unload):
        pilot.click(unload)

    pilot.click(load)
    pilot.sees(f"{row('slow')} .badge", "loaded")
    pilot.listen()
    pilot.click(unload)
    pilot.hears("slow is unloaded.")
    pilot.find(load)


def test_the_button_of_a_model_keeps_the_focus_wherever_its_row_goes(pilot: Pilot) -> None:
    load, unload = (
        f"{row('slow')} form[action$='/{what}'] button:enabled" for what in ("load", "unload")
    )
    pilot.go("/dashboard/models")
    if pilot.all(unload):
        pilot.click(unload)

    pilot.until(lambda: pilot.ask("arguments[0].focus(); return true", pilot.find(load)))
    pilot.press(Keys.ENTER)
    pilot.sees(f"{row('slow')} .badge", "loaded")

    focus = "return document.activeElement.textContent"
    pilot.until(lambda: pilot.ask(focus) == "Unload slow")
    pilot.press(Keys.ENTER)
    pilot.find(load)
    pilot.until(lambda: pilot.ask(focus) == "Load slow")


def test_wishes_for_a_model_are_kept(pilot: Pilot) -> None:
    pilot.go("/dashboard/model?name=echo")

    pilot.write("#w-context", "2048")
    pilot.click("input[name=keep]")
    pilot.click("form[action$='load-so'] button")

    pilot.sees(".pairs dd", "2\u202f048 tokens")
    assert pilot.find("#w-context").get_attribute("value") == "2048"
    assert pilot.find("input[name=keep]").is_selected()


def test_a_hostile_file_name_is_shown_as_it_is_and_does_nothing(pilot: Pilot) -> None:
    for path in ("/dashboard/models", "/dashboard/playground", "/dashboard/connect", "/"):
        pilot.go(path)
        pilot.find("h1")
        assert pilot.ask("return [window.harm ?? null, document.images.length]") == [None, 0], path

    pilot.go(f"/dashboard/model?name={quote(slug(HOSTILE))}")
    pilot.sees("main code", f"{HOSTILE}.toy")
    assert pilot.ask("return [window.harm ?? null, document.images.length]") == [None, 0]


def test_a_key_is_shown_once_and_revoked(pilot: Pilot) -> None:
    pilot.go("/dashboard/keys")

    pilot.write("#name", "laptop")
    pilot.click("form[action='/dashboard/keys'] button")
    pilot.sees("#made code", "ath_")
    secret = pilot.says("#made code")
    pilot.sees("#card-keys .name", "laptop")
    pilot.go("/dashboard/keys")
    assert secret not in pilot.browser.page_source

    pilot.ask("window.confirm = () => true")
    pilot.click("#card-keys form button")
    pilot.sees("#revoked summary", "1 revoked")


def test_a_wrong_setting_is_told_and_a_right_one_saved(
    pilot: Pilot, kept_node: RunningNode
) -> None:
    config: Path = Paths.under(kept_node.home).config_file
    pilot.go("/dashboard/settings")

    pilot.write("#s-server-requests_max", "0")
    pilot.click("#server button[type=submit]")
    pilot.sees("#s-server-requests_max-note", "Allowed: a whole number from 1 to 100000")
    pilot.until(lambda: focused(pilot) == "s-server-requests_max")
    assert not config.exists()
    pilot.write("#s-server-requests_max", "99")
    pilot.click("#server button[type=submit]")

    pilot.sees("#s-server-requests_max-note", "waits for a start")
    assert "requests_max = 99" in config.read_text()


def test_a_wrong_rule_leads_to_its_field_and_a_right_one_is_told_on_the_page_drawn_anew(
    pilot: Pilot,
) -> None:
    save = "form[action$='/lending'] .is-main"
    pilot.go("/dashboard/sharing")

    pilot.write("#idle_minutes", "soon")
    pilot.click(save)
    pilot.sees(".toast.is-bad", "Minutes without input must be a number from 0.5 to 1440")
    pilot.until(lambda: focused(pilot) == "idle_minutes")
    assert pilot.find("#idle_minutes").get_attribute("aria-invalid") == "true"
    pilot.write("#idle_minutes", "7")
    pilot.click(save)

    pilot.sees(".toast:not(.is-bad)", "Saved; it holds now.")
    assert pilot.find("#idle_minutes").get_attribute("value") == "7"
    assert pilot.ask("return window.name") == ""


def test_a_snooze_is_seen_for_as_long_as_it_lasts(pilot: Pilot) -> None:
    pilot.go("/dashboard/sharing")

    pilot.click("form[action$='/snooze'] button")
    pilot.sees("[aria-labelledby=lending]", "Nothing is lent until")
    pilot.click("[aria-labelledby=lending] form[action$='/resume'] button")

    pilot.until(lambda: not pilot.all("[aria-labelledby=lending] form[action$='/resume']"))
    assert "Nothing is lent until" not in pilot.says("[aria-labelledby=lending]")


def test_an_app_is_tried_as_it_will_call(pilot: Pilot) -> None:
    pilot.go("/dashboard/connect?app=open-webui&model=echo")

    pilot.click("[data-run]")

    pilot.until(lambda: len(pilot.all("[data-results] .mark.good")) == 2)


def test_a_request_stands_in_the_list_with_where_its_time_went(pilot: Pilot) -> None:
    pilot.go("/dashboard/connect?app=curl&model=echo")
    pilot.click("[data-run]")
    pilot.until(lambda: pilot.all("[data-results] .mark.good"))

    pilot.go("/dashboard/requests")

    pilot.sees("#card-requests tbody tr:first-child", "completed")
    assert pilot.all("#card-requests tbody tr:first-child svg rect")


def test_the_log_is_followed_and_sifted(pilot: Pilot) -> None:
    pilot.go("/dashboard/logs")
    pilot.sees("[data-lines]", "serving")

    pilot.write("[data-words]", "no line has these words")

    pilot.until(lambda: not [each for each in pilot.all("[data-lines] p") if each.is_displayed()])


def test_everything_is_reached_without_a_mouse(pilot: Pilot) -> None:
    pilot.go("/dashboard/sharing")

    pilot.press(Keys.TAB)
    assert pilot.browser.switch_to.active_element.text == "To the content"
    pilot.tab_to("a[href='/dashboard/playground']")
    pilot.press(Keys.ENTER)
    pilot.until(lambda: pilot.says("h1") == "Playground")
    pilot.tab_to("[data-example]")
    pilot.press(Keys.ENTER)

    pilot.sees(".message.is-assistant .stats", "tokens")
