"""A model from the hub: searched, fetched, paused, talked to and deleted, all in the browser."""

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.dashboard.pilot import Pilot
from tests.support.hub import PIECE_BYTES, Hub
from tests.support.node import RunningNode

REPOSITORY = "someone/Fetched-GGUF"
CARD = "#card-downloads"
SAID = "return document.querySelector('.message.is-assistant .body')?.textContent.length > 0"


@pytest.mark.model
def test_a_model_is_searched_fetched_with_a_pause_talked_to_and_deleted(
    pilot: Pilot, hub: Hub, kept_node: RunningNode, llama_gguf: Path
) -> None:
    hub.add(REPOSITORY, {"fetched-Q8_0.gguf": llama_gguf.read_bytes()})
    pilot.go("/dashboard/catalogue")
    pilot.write("#query", "fetched")
    pilot.click("form[role=search] button")
    pilot.click(f"a[href*='{REPOSITORY.rpartition('/')[2]}']")
    pilot.sees("main", "fits")

    hub.hold_after = PIECE_BYTES
    pilot.click("form[action='/dashboard/downloads/add'] button")
    pilot.click(f"{CARD} button[id^='pause-']")
    pilot.sees(f"{CARD} .badge", "paused")
    hub.hold_after = None
    hub.released.set()
    pilot.click(f"{CARD} button[id^='resume-']")
    pilot.sees(f"{CARD} .badge", "done")
    place = kept_node.home / "models" / REPOSITORY / "fetched-Q8_0.gguf"
    assert place.read_bytes() == llama_gguf.read_bytes()

    pilot.click(f"{CARD} a[href*='playground']")
    pilot.click("[data-example]")
    pilot.until(lambda: pilot.ask(SAID))
    pilot.press(Keys.ESCAPE)  # Its weights are random: it would not end by itself.
    pilot.sees(".message.is-assistant .stats", "stopped")

    pilot.go("/dashboard/network")
    pilot.sees("#card-network", "127.0.0.1")

    pilot.go("/dashboard/model?name=fetched")
    pilot.ask("window.confirm = () => true")
    pilot.click("form[action$='/models/delete'] button")
    pilot.until(lambda: pilot.browser.current_url.endswith("/dashboard/models"))
    assert not place.exists()
