"""A conversation in the browser: the engine is the toy one, which says what it is told."""

import json

import httpx
from selenium.webdriver.common.keys import Keys

from tests.dashboard.pilot import Pilot
from tests.support.node import RunningNode

ANSWER = ".message.is-assistant"

LONG = "long" * 60
MARKDOWN = f"""1. Run this:

   ```sh
   if true; then
       echo {LONG}
   fi
   ```

2. See https://one.example/a_(b), or [two](https://two.example/c_(d)).
   - _inner_

| name | meaning |
|:-:|---:|
| a \\| b | `{LONG}` |

---

after"""


def ask(pilot: Pilot, words: str, model: str = "echo") -> None:
    pilot.go(f"/dashboard/playground?model={model}")
    pilot.write("[data-prompt]", words)
    pilot.press(Keys.ENTER)


def test_an_answer_streams_with_its_speed(pilot: Pilot) -> None:
    ask(pilot, "one two three")

    pilot.sees(f"{ANSWER} .body", "one two three")
    pilot.sees(f"{ANSWER} .stats", "tokens/s")
    assert pilot.complaints() == []


def test_escape_stops_an_answer_and_keeps_what_came(pilot: Pilot) -> None:
    ask(pilot, "a b c d e f g h i j k l m n o p q r s t u v w x y z", model="slow")
    pilot.sees(f"{ANSWER} .body", "a b")

    pilot.press(Keys.ESCAPE)

    pilot.sees(f"{ANSWER} .stats", "stopped")
    assert "z" not in pilot.says(f"{ANSWER} .body")
    assert pilot.find("[data-send]").is_displayed()


def test_a_question_without_an_answer_is_left_out_and_said_to_be(pilot: Pilot) -> None:
    pilot.go("/dashboard/playground?model=slow")
    pilot.ask(
        "const real = fetch; window.roles = [];"
        "window.fetch = (path, asked) => {"
        "  if (asked?.body) window.roles.push(JSON.parse(asked.body).messages.map((m) => m.role));"
        "  return real(path, asked); }"
    )
    pilot.write("[data-prompt]", "never answered " * 5)
    pilot.press(Keys.ENTER, Keys.ESCAPE)
    pilot.sees(f"{ANSWER} .stats", "stopped")

    pilot.write("[data-prompt]", "a b")
    pilot.press(Keys.ENTER)

    pilot.sees(f"{ANSWER}:last-child .stats", "tokens/s")
    # Templates that want user and assistant by turns refuse two users in a row.
    assert pilot.ask("return window.roles") == [["user"], ["user"]]
    pilot.sees(".message.is-left-out footer", "the model is not told of it")
    assert len(pilot.all(".message.is-left-out")) == 1


def test_the_list_of_models_says_which_is_loaded_as_it_comes_and_goes(
    pilot: Pilot, kept_node: RunningNode
) -> None:
    chosen = "return document.querySelector('[data-model]').selectedOptions[0].text"
    ask(pilot, "one")
    pilot.until(lambda: pilot.ask(chosen) == "echo · loaded")

    headers = {"Authorization": f"Bearer {kept_node.token}"}
    path = f"{kept_node.root_url}/local/unload"
    httpx.post(path, json={"model": "echo"}, headers=headers, trust_env=False)

    pilot.until(lambda: pilot.ask(chosen) == "echo")


def test_an_answer_is_made_again_and_a_question_is_edited(pilot: Pilot) -> None:
    ask(pilot, "first words")
    pilot.sees(f"{ANSWER} footer", "Regenerate")

    pilot.until(lambda: [b for b in pilot.all("footer button") if b.text == "Regenerate"])[
        0
    ].click()
    pilot.sees(f"{ANSWER} .stats", "tokens/s")
    pilot.until(lambda: [b for b in pilot.all("footer button") if b.text == "Edit"])[0].click()
    assert pilot.find("[data-prompt]").get_attribute("value") == "first words"
    pilot.write("[data-prompt]", "other words")
    pilot.press(Keys.ENTER)

    pilot.sees(f"{ANSWER} .body", "other words")
    assert len(pilot.all(".message")) == 2


def test_reasoning_is_folded_away_from_the_answer(pilot: Pilot) -> None:
    ask(pilot, "<think>hm</think>forty-two")

    pilot.sees(f"{ANSWER} .body", "forty-two")
    pilot.sees(".reasoning summary", "Reasoning")
    assert not pilot.all(".reasoning[open]")
    assert "hm" not in pilot.says(f"{ANSWER} .body")


def test_what_a_model_says_is_text_and_never_a_part_of_the_page(pilot: Pilot) -> None:
    ask(pilot, "<img src=x onerror=window.harm=1> **bold** [a](javascript:window.harm=1)")

    pilot.sees(f"{ANSWER} .body strong", "bold")
    pilot.sees(f"{ANSWER} .body", "<img src=x onerror=window.harm=1>")
    assert pilot.ask("return [window.harm ?? null, document.images.length]") == [None, 0]
    assert not pilot.all(f"{ANSWER} .body a")


def test_nothing_of_a_conversation_is_stored_in_the_browser(pilot: Pilot) -> None:
    ask(pilot, "a secret of mine")
    pilot.sees(f"{ANSWER} .body", "a secret of mine")

    stored = pilot.ask("return JSON.stringify([{...localStorage}, {...sessionStorage}])")

    assert stored == "[{},{}]"
    assert pilot.find("[data-save]").is_enabled()


def test_a_refusal_is_told_in_the_place_of_an_answer(pilot: Pilot) -> None:
    pilot.go("/dashboard/playground?model=echo")
    pilot.paste("[data-prompt]", "x " * 6000)
    pilot.press(Keys.ENTER)

    pilot.sees(".message.is-failed .body", "context")


def test_long_code_in_a_list_and_wide_tables_are_drawn_within_a_phone(pilot: Pilot) -> None:
    pilot.size(390, 844)
    pilot.go("/dashboard/playground?model=echo")
    pilot.paste("[data-prompt]", MARKDOWN)

    pilot.press(Keys.ENTER)

    pilot.sees(f"{ANSWER} footer", "Regenerate")
    (code,) = pilot.all(f"{ANSWER} li pre")
    assert code.text == f"if true; then\n    echo {LONG}\nfi"
    links = [each.get_attribute("href") for each in pilot.all(f"{ANSWER} a")]
    assert links == ["https://one.example/a_(b)", "https://two.example/c_(d)"]
    assert pilot.find(f"{ANSWER} ol li:nth-child(2) ul em").text == "inner"
    assert pilot.find(f"{ANSWER} td").text == "a | b"
    sides = "return [...document.querySelectorAll('.body tr > *')].map((e) => e.style.textAlign)"
    assert pilot.ask(sides) == ["center", "right"] * 2
    assert pilot.ask("return document.documentElement.scrollWidth") <= 390  # type: ignore[operator]
    assert pilot.ask("return document.querySelector('.body hr').clientWidth") > 300  # type: ignore[operator]


def test_a_wish_that_cannot_be_asked_for_is_told_and_never_left_out(pilot: Pilot) -> None:
    pilot.go("/dashboard/playground?model=echo")
    pilot.ask("document.querySelector('aside details').open = true")
    pilot.write("#p-temperature", "3")
    pilot.ask("document.querySelector('aside details').open = false")
    pilot.write("[data-prompt]", "words")

    pilot.press(Keys.ENTER)

    assert pilot.browser.switch_to.active_element.get_attribute("id") == "p-temperature"
    assert not pilot.all(".message")
    pilot.write("#p-temperature", "0.333")
    pilot.find("[data-prompt]").send_keys(Keys.ENTER)
    pilot.sees(f"{ANSWER} footer", "Regenerate")
    pilot.ask("URL.createObjectURL = (blob) => { window.kept = blob; return '#'; }")
    pilot.click("[data-save]")
    kept = pilot.browser.execute_async_script("window.kept.text().then(arguments[0])")
    assert json.loads(kept)["parameters"] == {"temperature": 0.333}
