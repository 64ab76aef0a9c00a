"""docs/protocol.md is what the code says."""

from app.cli.protocol_document import protocol_document
from app.core.pool.tables import FRAMES, HOST, NODE, tag_of
from tests.tidy.source import read


def test_the_document_is_as_it_is_drawn_from_the_code() -> None:
    drawn = protocol_document()

    assert read("docs/protocol.md") == drawn, (
        "write it anew: python -m app.cli.protocol_document > docs/protocol.md"
    )


def test_every_frame_and_every_row_of_the_tables_is_in_it() -> None:
    drawn = protocol_document()

    for frame in FRAMES:
        assert f"\n### {tag_of(frame)}\n" in drawn
    for table in (NODE, HOST):
        for (phase, step), after in table.items():
            assert f"| {phase} | {step} | {after} |" in drawn
