"""The tables of the protocol are whole: every frame has its rule, every phase a way in and out."""

import typing

import pytest

from app.core.pool import tables
from app.core.pool.envelope import SMALL_BYTES
from app.wire.opening import ENVELOPE_BYTES_MAX
from app.wire.pool import FromHost, FromNode


def test_every_frame_that_may_be_sent_has_a_rule_and_its_senders_are_right() -> None:
    from_node, from_host = set(typing.get_args(FromNode)), set(typing.get_args(FromHost))

    by_rule = {
        side: {frame for frame, rule in tables.FRAMES.items() if side in rule.senders}
        for side in ("node", "host")
    }

    assert by_rule == {"node": from_node, "host": from_host}


def test_every_frame_is_heard_in_some_phase_of_the_other_side() -> None:
    heard_by_node = {f for frames in tables.NODE_HEARS.values() for f in frames}
    heard_by_host = {
        f
        for table in (tables.GREETING_HEARS, tables.HOST_HEARS)
        for frames in table.values()
        for f in frames
    }

    assert heard_by_node == set(typing.get_args(FromHost))
    assert heard_by_host == set(typing.get_args(FromNode))


def test_no_frame_of_a_session_is_heard_before_the_device_has_proved_its_key() -> None:
    early = {
        frame
        for table in (tables.NODE_HEARS, tables.GREETING_HEARS, tables.HOST_HEARS)
        for phase, frames in table.items()
        if phase != "live"
        for frame in frames
    }

    assert not {frame for frame in early if tables.FRAMES[frame].is_numbered}


def test_sizes_are_within_the_envelope_and_above_what_is_looked_at_once() -> None:
    for rule in tables.FRAMES.values():
        assert SMALL_BYTES <= rule.bytes_max <= ENVELOPE_BYTES_MAX


@pytest.mark.parametrize(
    ("table", "start"),
    [(tables.NODE, "off"), (tables.GREETING, "hello"), (tables.HOST, "waiting")],
    ids=["node", "greeting", "host"],
)
def test_every_phase_can_be_reached_and_every_phase_but_the_last_can_be_left(table, start) -> None:
    phases = {phase for phase, _ in table} | set(table.values())
    reached, last = {start}, {"done", "ended"}
    for _ in phases:
        reached |= {after for (phase, _), after in table.items() if phase in reached}

    assert reached == phases
    assert {phase for phase, _ in table} >= phases - last


def test_what_stands_in_no_table_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        tables.follow_node("off", "established")
    with pytest.raises(AssertionError):
        tables.follow_greeting("done", "admitted")
    with pytest.raises(AssertionError):
        tables.follow_host("ended", "attach")
