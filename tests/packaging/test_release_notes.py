"""What an announcement says is new, by the changelog."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.release.manifest import NOTES_CHARACTERS_MAX
from tests.tidy.source import ROOT

sys.path.insert(0, str(ROOT / "packaging" / "release"))

from notes import NotDescribed, notes  # after the path

CHANGELOG = """# Changelog

## Unreleased

- Not yet.

## 0.2.0 - 2026-12-24

### Added

- A bell,
  which rings.

## [0.1.0] - 2026-11-22

- The first version.
"""


def test_the_notes_of_a_version_are_its_section_and_no_others() -> None:
    assert notes(CHANGELOG, "0.2.0") == "### Added\n\n- A bell,\n  which rings."
    assert notes(CHANGELOG, "0.1.0") == "- The first version."


@pytest.mark.parametrize("version", ["0.3.0", "0.2", "0.2.00"])
def test_a_version_that_nobody_described_is_not_announced(version: str) -> None:
    with pytest.raises(NotDescribed, match="0 sections"):
        notes(CHANGELOG, version)


def test_two_sections_or_an_empty_one_are_no_description() -> None:
    with pytest.raises(NotDescribed, match="2 sections"):
        notes(CHANGELOG + "\n## 0.1.0\n\n- Again.\n", "0.1.0")
    with pytest.raises(NotDescribed, match="nothing"):
        notes("## 0.2.0 - 2026-12-24\n\n## 0.1.0\n\n- First.\n", "0.2.0")


def test_what_is_too_long_ends_after_a_whole_entry_and_says_that_there_is_more() -> None:
    entry = "- " + 90 * "x" + "\n  and more words of the same entry.\n"
    count = NOTES_CHARACTERS_MAX // len(entry) + 1
    section = "### Safety\n\n" + count * entry + "\n### Added\n\n- Last.\n"

    told = notes(f"## 0.2.0\n\n{section}", "0.2.0")

    assert NOTES_CHARACTERS_MAX - len(entry) < len(told) <= NOTES_CHARACTERS_MAX
    kept, _, more = told.rpartition("\n\n")
    assert more == "And more, in CHANGELOG.md."
    assert kept.endswith("and more words of the same entry.")
    assert section.startswith(kept)


def test_no_group_is_named_of_which_no_entry_is_told() -> None:
    filling = "- " + (NOTES_CHARACTERS_MAX - 100) * "x"
    section = f"{filling}\n\n### Added\n\n- {200 * 'y'}\n"

    told = notes(f"## 0.2.0\n\n{section}", "0.2.0")

    assert told == f"{filling}\n\nAnd more, in CHANGELOG.md."


def test_the_command_ends_badly_for_a_version_that_the_changelog_lacks(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    script = ROOT / "packaging" / "release" / "notes.py"
    command = [sys.executable, script, "--changelog", tmp_path / "CHANGELOG.md"]

    good, bad = (
        subprocess.run([*command, version], capture_output=True, text=True, check=False)
        for version in ("0.1.0", "9.9.9")
    )

    assert (good.returncode, good.stdout) == (0, "- The first version.\n")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "9.9.9" in bad.stderr
