"""Who publishes is read from the program's own files, and nobody is where that cannot be read."""

from pathlib import Path

import pytest

from app.cli.doctor.updates import check_updates
from app.core.release.keys import Publisher
from app.settings.publisher import KEYS_FILE, read_publisher

KEY = "0123456789abcdef" * 4


def test_keys_and_address_are_read_from_the_file(tmp_path: Path) -> None:
    text = f'address = "https://a.example/latest.json"\n[[key]]\nid = "2026-a"\npublic = "{KEY}"\n'
    (tmp_path / KEYS_FILE).write_text(text)

    publisher = read_publisher(tmp_path)

    assert publisher.key[0].public == KEY
    assert [finding.verdict for finding in check_updates(publisher)] == ["ok"]


@pytest.mark.parametrize("text", [None, "", "[[key]]\n", "key = 3", "\x00"])
def test_without_a_file_that_can_be_read_nobody_is_believed(tmp_path: Path, text) -> None:
    if text is not None:
        (tmp_path / KEYS_FILE).write_text(text)

    publisher = read_publisher(tmp_path)

    assert publisher == Publisher()
    assert ["updates are off" in finding.message for finding in check_updates(publisher)] == [True]
