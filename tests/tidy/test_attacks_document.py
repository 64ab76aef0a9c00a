"""docs/attacks.md names tests that are there, and at least one for every attack."""

import re

import pytest

from tests.tidy.source import ROOT, read

DOCUMENT = "docs/attacks.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in read(DOCUMENT).splitlines()
    if line.startswith("| ") and not line.startswith("| attack |")
]


def is_there(file: str, function: str) -> bool:
    """Whether a file below tests/ has a test of that name."""
    path = ROOT / "tests" / file
    return path.is_file() and f"def {function}(" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_attack_has_a_defence_and_one_to_three_tests_that_are_there(row: list[str]) -> None:
    attack, defence, tests = row
    named = NAMED.findall(tests)

    assert attack and defence
    assert 1 <= len(named) <= 3
    assert NAMED.sub("", tests).strip(" ,") == "", "nothing but tests is named there"
    assert not [f"{file}::{function}" for file, function in named if not is_there(file, function)]


def test_no_attack_is_named_twice() -> None:
    attacks = [attack for attack, *_ in ROWS]

    assert len(attacks) == len(set(attacks)) > 30


@pytest.mark.parametrize(
    ("file", "function"),
    [
        ("tidy/test_attacks_document.py", "test_nobody_wrote_this"),
        ("tidy/test_nowhere.py", "test_no_attack_is_named_twice"),
    ],
)
def test_a_test_that_is_not_there_is_missed(file: str, function: str) -> None:
    assert not is_there(file, function)
