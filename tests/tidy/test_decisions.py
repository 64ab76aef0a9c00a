"""The decisions are a numbered row, each on one page with the same headings, and all are listed."""

import re
from pathlib import Path

import pytest

from tests.tidy.source import ROOT, read

RECORDS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
HEADINGS = ["## Context", "## Decision", "## Alternatives", "## Consequences"]
LINES_MAX = 60


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_decision_is_one_dated_page_of_the_same_four_headings(path: Path) -> None:
    lines = path.read_text().splitlines()

    assert lines[0].startswith(f"# {int(path.name[:4])}. ")
    assert re.match(r"Date: \d{4}-\d\d-\d\d\. Status: (accepted|superseded by .+)\.$", lines[2])
    assert [line for line in lines if line.startswith("## ")] == HEADINGS
    assert len(lines) <= LINES_MAX


def test_the_index_lists_every_decision_by_its_title() -> None:
    index = read("docs/adr/README.md")
    titles = [(path.name, path.read_text().splitlines()[0].partition(". ")[2]) for path in RECORDS]

    assert not [name for name, title in titles if f"[{title}]({name})" not in index]
    assert index.count("\n| ") == len(RECORDS) + 1


@pytest.mark.parametrize("folder", [".", "docs", "docs/adr"])
def test_every_link_within_the_documents_leads_to_a_file(folder: str) -> None:
    broken = [
        f"{path.name}: {target}"
        for path in (ROOT / folder).glob("*.md")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        if not (path.parent / target).exists()
    ]

    assert not broken
