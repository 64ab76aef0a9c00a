"""Who publishes is read from the program's own files, and nobody is where that cannot be read."""

from pathlib import Path

import pytest

from app import __version__
from app.cli.doctor.updates import check_updates
from app.core.release.keys import Publisher, ReleaseKey
from app.core.release.trial import STARTS_MAX, Memory, Trial
from app.settings.publisher import KEYS_FILE, read_publisher
from app.settings.update_schema import UpdateSettings

KEY = "0123456789abcdef" * 4
PUBLISHER = Publisher(
    address="https://a.example/latest.json", key=(ReleaseKey(id="2026-a", public=KEY),)
)


DEFAULTS, NOTHING = UpdateSettings(), Memory()


def told(
    publisher: Publisher, settings: UpdateSettings = DEFAULTS, memory: Memory = NOTHING
) -> list[tuple[str, str]]:
    return [(f.verdict, f.message) for f in check_updates(publisher, settings, memory)]


def test_keys_and_address_are_read_from_the_file(tmp_path: Path) -> None:
    text = f'address = "https://a.example/latest.json"\n[[key]]\nid = "2026-a"\npublic = "{KEY}"\n'
    (tmp_path / KEYS_FILE).write_text(text)

    assert read_publisher(tmp_path) == PUBLISHER


@pytest.mark.parametrize("text", [None, "", "[[key]]\n", "key = 3", "\x00"])
def test_without_a_file_that_can_be_read_nobody_is_believed(tmp_path: Path, text) -> None:
    if text is not None:
        (tmp_path / KEYS_FILE).write_text(text)

    publisher = read_publisher(tmp_path)

    assert publisher == Publisher()
    assert "updates are off" in told(publisher)[0][1]


@pytest.mark.parametrize(
    ("publisher", "settings", "verdict", "words"),
    [
        (PUBLISHER, UpdateSettings(), "ok", "from a.example, signed by 2026-a"),
        (PUBLISHER, UpdateSettings(address="http://x:p@mirror/l"), "ok", "from mirror,"),
        (PUBLISHER, UpdateSettings(daily="off"), "note", "updates.daily is off"),
        (Publisher(key=PUBLISHER.key), UpdateSettings(), "note", "nobody says where"),
    ],
)
def test_the_doctor_says_whether_anybody_is_asked(publisher, settings, verdict, words) -> None:
    [(found, message)] = told(publisher, settings)

    assert found == verdict
    assert words in message


def test_the_doctor_names_a_version_that_has_never_served() -> None:
    trial = Trial(version=__version__, previous="0.0.9", starts=STARTS_MAX)

    assert told(PUBLISHER, memory=Memory(trial=trial))[-1][0] == "wrong"
    assert len(told(PUBLISHER, memory=Memory(trial=trial, fallen="0.3.0"))) == 3
