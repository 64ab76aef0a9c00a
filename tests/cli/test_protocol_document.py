"""docs/protocol.md is what the code says."""

import re
from typing import get_args, get_type_hints

from app.cli.protocol_document import protocol_document
from app.cli.protocol_sequences import sequences
from app.core.pool.tables import FRAMES, HOST, NODE, tag_of
from app.wire.pool import CancelJob, Finished, GoingAway
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


def test_the_sequences_speak_of_frames_fields_and_words_that_there_are() -> None:
    words = {tag_of(frame) for frame in FRAMES}
    for frame in FRAMES:
        words |= set(frame.__struct_fields__)
    for frame, name in ((CancelJob, "why"), (Finished, "reason"), (GoingAway, "reason")):
        words |= set(get_args(get_type_hints(frame)[name]))
    words |= {"ended", "answered", "max_tokens"}  # an event and a request of app/wire/engine.py

    text = "".join(sequences())
    named = set(re.findall(r"`(\w+)`", text))

    assert named - words == set()
    assert {"offer", "accepted", "chunk", "finished", "cancel", "going_away"} <= named
    assert {"preempted", "drain", "countersigned", "checkpoint", "heartbeat"} <= named | set(
        re.findall(r"[a-z_]+", text)
    )
