"""Server-sent events as our server sends them."""

from hypothesis import given
from hypothesis import strategies as st

from app.client.sse import events_of

LINE = st.text(st.characters(exclude_categories=["Cs", "Zl", "Zp", "Cc"]))


def test_heartbeats_and_other_fields_are_skipped() -> None:
    lines = [": ping", "", "event: x", "id: 1", "data: one", "", ": ping", "", "data:two", ""]

    assert list(events_of(lines)) == ["one", "two"]


def test_an_event_that_was_cut_short_is_not_given() -> None:
    assert list(events_of(["data: whole", "", "data: half"])) == ["whole"]


@given(st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=5))
def test_what_was_sent_is_received_event_for_event(events: list[list[str]]) -> None:
    lines = [part for event in events for part in [*(f"data: {line}" for line in event), ""]]

    assert list(events_of(lines)) == ["\n".join(event) for event in events]
