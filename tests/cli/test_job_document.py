"""docs/pool.md is what the code says."""

from app.cli.job_document import job_document
from app.core.pool.jobs.job import TRANSITIONS
from tests.tidy.source import read


def test_the_document_is_as_it_is_drawn_from_the_code() -> None:
    assert read("docs/pool.md") == job_document(), (
        "write it anew: python -m app.cli.job_document > docs/pool.md"
    )


def test_every_row_of_the_table_is_in_it() -> None:
    drawn = job_document()

    for (phase, change), after in TRANSITIONS.items():
        assert f"| {phase} | {change} | {after} |" in drawn
