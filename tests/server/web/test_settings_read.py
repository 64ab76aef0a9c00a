"""Laws of a settings file that somebody wrote while the server runs."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.wire.settings_read import SettingsRead
from tests.server.web.conftest import Web
from tests.server.web.dashboard.owner import fields_of, signed_in

READ = "/local/settings/read"


@pytest.fixture
def config_file(web: Web, owner: dict[str, str]) -> Iterator[Path]:
    """The server's settings file, gone again after the test."""
    file = web.config_file
    yield file
    file.unlink(missing_ok=True)
    web.client.post(READ, headers=owner)


def test_what_holds_at_once_and_what_waits_is_told(
    web: Web, owner: dict[str, str], config_file: Path
) -> None:
    config_file.write_text("[sharing]\nmode = 'idle'\n[models]\nloaded_max = 1\n")

    read = msgspec.json.decode(web.client.post(READ, headers=owner).content, type=SettingsRead)

    assert read.changed == ("sharing.mode",)
    assert "models.loaded_max" in read.waiting


def test_a_wrong_file_is_refused_and_nothing_changes(
    web: Web, owner: dict[str, str], config_file: Path
) -> None:
    config_file.write_text("[sharing]\nmode = 'sometimes'\n")

    answer = web.client.post(READ, headers=owner)

    assert answer.json()["error"]["code"] == "settings_invalid"
    assert "off, idle, always" in answer.text


def test_who_may_not_administer_has_nothing_read(web: Web) -> None:
    assert web.client.post(READ).status_code == 401


def test_the_page_saves_and_goes_by_it_or_says_that_it_waits(web: Web, config_file: Path) -> None:
    with signed_in(web) as browser:
        live = browser.change("/dashboard/settings/downloads", {"downloads.at_once": "7"})
        waiting = browser.change("/dashboard/settings/models", {"models.loaded_max": "1"})

    assert "at_once = 7" in config_file.read_text()
    assert "waits for a start" not in live.text
    assert "waits for a start" in waiting.text
    assert "It holds when the server starts again" in waiting.headers["HX-Trigger"]
    assert "starts again" not in live.headers["HX-Trigger"]


FORMS = {
    "settings": ("/dashboard/settings", "/dashboard/settings/pool", "pool.price_floor"),
    "sharing": ("/dashboard/sharing", "/dashboard/sharing/lending", "price_floor"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_was_left_alone_in_a_form_stays_as_it_became_meanwhile(
    web: Web, owner: dict[str, str], config_file: Path, form: tuple[str, str, str]
) -> None:
    page, path, field = form
    config_file.write_text('[pool]\nlent_models = []\nlend_to = "friends"\n')
    web.client.post(READ, headers=owner)
    with signed_in(web) as browser:
        fields = fields_of(browser.page(page).text, path)
        config_file.write_text('[pool]\nlent_models = []\nlend_to = "own"\nregion = "eu"\n')

        answer = browser.change(path, fields | {field: "2"})

    assert answer.is_success
    said = tomllib.loads(config_file.read_text())["pool"]
    assert said == {"lent_models": [], "lend_to": "own", "region": "eu", "price_floor": "2"}


def test_a_form_without_script_shows_what_is_wrong_and_writes_nothing(
    web: Web, config_file: Path
) -> None:
    with signed_in(web) as browser:
        answer = browser.client.post(
            "/dashboard/settings/engine",
            data={"engine.threads": "4", "engine.sequences": "many", "token": browser.token},
            headers={"Origin": browser.origin},
        )

    assert "Allowed: a whole number from 1 to 128." in answer.text
    assert 'value="many"' in answer.text and 'value="4"' in answer.text
    assert not config_file.exists()
