"""Laws of the settings that change while the server runs."""

import pytest
from msgspec.structs import replace

from app.settings.fields import FIELDS
from app.settings.live import LIVE_SECTIONS, differing, followed, is_live
from app.settings.schema import Settings

WRITTEN = Settings(
    server=replace(Settings().server, requests_max=7),
    downloads=replace(Settings().downloads, at_once=5, bytes_per_second=1000),
    sharing=replace(Settings().sharing, mode="idle"),
)


def test_live_settings_follow_the_file_and_the_others_stay() -> None:
    followed_now = followed(Settings(), WRITTEN, ())

    assert differing(Settings(), followed_now) == (
        "downloads.bytes_per_second",
        "downloads.at_once",
        "sharing.mode",
    )
    assert differing(followed_now, WRITTEN) == ("server.requests_max",)


def test_what_a_variable_or_a_flag_sets_stays_whatever_the_file_says() -> None:
    fixed = ("downloads.at_once",)

    assert followed(Settings(), WRITTEN, fixed).downloads.at_once == Settings().downloads.at_once
    assert followed(Settings(), WRITTEN, fixed).downloads.bytes_per_second == 1000


def test_what_goes_out_of_the_file_is_the_default_again() -> None:
    before = followed(Settings(), WRITTEN, ())

    assert followed(before, Settings(), ()) == Settings()


@pytest.mark.parametrize("path", FIELDS)
def test_a_setting_is_live_by_its_section(path: str) -> None:
    assert is_live(path) is (path.partition(".")[0] in LIVE_SECTIONS)
