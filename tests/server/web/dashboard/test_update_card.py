"""The card of new versions on the settings page: what it says and offers."""

import pytest
from msgspec.structs import replace

from app.core.state.update_state import UpdateState
from app.server.web.dashboard.drawing import draw
from app.wire.update import UpdatePicture

PICTURE = UpdatePicture(running="0.1.0", status="ready", words="It is ready.", version="0.2.0")


def card(picture: UpdatePicture, *, answers: int = 0, may_change: bool = True) -> str:
    return draw(
        "cards/update.html",
        {"update": picture, "answers": answers, "may_change": may_change, "token": "t"},
    )


def test_a_version_that_is_ready_is_a_click_away() -> None:
    html = card(PICTURE)

    assert 'value="install"' in html and "Restart to update" in html
    assert "cut" not in html


def test_who_restarts_during_an_answer_is_told_what_becomes_of_it() -> None:
    html = card(PICTURE, answers=2)

    assert "Answers that are under way" in html
    assert 'name="now" value="yes"' in html


def test_a_package_shows_its_command_and_no_button_to_restart() -> None:
    html = card(replace(PICTURE, command="sudo apt install /x/y.deb"))

    assert "<code>sudo apt install /x/y.deb</code>" in html
    assert 'value="install"' not in html


def test_notes_of_a_version_are_text_and_never_markup() -> None:
    assert "<b>bold</b>" not in card(replace(PICTURE, notes="<b>bold</b>"))


def test_a_version_that_fell_is_named_and_the_way_back_is_offered() -> None:
    html = card(replace(PICTURE, fallen="0.3.0", back="0.0.9"))

    assert "0.3.0 did not start" in html
    assert "Go back to 0.0.9" in html


@pytest.mark.parametrize("status", UpdateState.__annotations__["status"].__args__)
def test_who_only_looks_can_click_nothing(status) -> None:
    html = card(replace(PICTURE, status=status), may_change=False)

    assert html.count("<button") == html.count(" disabled")
