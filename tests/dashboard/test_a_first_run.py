"""The first minutes of a new owner. First of its folder: it changes the front page for good."""

from tests.dashboard.pilot import Pilot


def test_the_guided_start_answers_at_once_and_ends_for_good(pilot: Pilot) -> None:
    pilot.go("/")

    assert pilot.says("h1") == "Welcome to Athanor"
    assert "of memory" in pilot.says(".guide > li:nth-child(1)")
    pilot.sees("[data-speed]", "tokens/s")
    assert "Say hello" in pilot.says("[data-answer]")  # The toy echoes.
    boxes = pilot.all(".guide input[type=checkbox]")
    assert [box.is_selected() for box in boxes] == [False, False]

    pilot.click(".guide form[action$='finish'] button.is-main")

    pilot.until(lambda: pilot.says("h1") == "Home")
    pilot.go("/")
    assert pilot.says("h1") == "Home"
