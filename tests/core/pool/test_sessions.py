"""Within a session every frame comes once, in order, or the session ends with a sentence."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import TooLarge
from app.core.base.ids import JobId
from app.core.pool.envelope import decode_envelope, encode_envelope, from_host
from app.core.pool.happenings import (
    Fault,
    Ignored,
    Opened,
    Received,
    Refused,
    SessionEnded,
    Write,
)
from app.core.pool.host_sessions import HostSessions
from app.core.pool.tables import FRAMES
from app.wire.opening import ENVELOPE_BYTES_MAX, Denied, Hello
from app.wire.pool import CancelJob, GoingAway, Heartbeat, Look, Market
from tests.core.pool.session_pair import (
    TERMS,
    Pair,
    asked,
    cancelled,
    ended_of,
    node_session,
    over_of,
    writes,
)


def test_frames_come_in_order_and_a_second_time_they_are_passed_over() -> None:
    pair = Pair()
    session, _ = pair.connect()

    sent = [pair.node.send(asked(n), 1.0) for n in range(3)]
    heard = [one for data in (*sent, *sent) for one in session.receive(data, 1.0)]

    assert heard == [Received(asked(n)) for n in range(3)]


def test_a_frame_that_is_left_out_ends_the_session_on_both_sides() -> None:
    pair = Pair()
    session, _ = pair.connect()
    pair.node.send(asked(0), 1.0)

    happenings = session.receive(pair.node.send(asked(1), 1.0), 1.0)
    told = pair.node.receive(writes(happenings)[-1], 1.0)

    assert ended_of(happenings).code == ended_of(told).code == "gap"
    assert "frame 2 came after frame 0" in ended_of(told).message
    assert (session.phase, pair.node.phase) == ("ended", "off")


FORGED = {
    "no number": encode_envelope(Look()),
    "a number below zero": encode_envelope(Look(), number=-1),
    "an ack of what was not sent": encode_envelope(Look(), number=1, received=1),
    "an ack below zero": encode_envelope(None, received=-1),
    "a number without a frame": encode_envelope(None, number=1),
}


@pytest.mark.parametrize("data", FORGED.values(), ids=FORGED.keys())
def test_forged_numbers_end_the_session(data: bytes) -> None:
    session, _ = Pair().connect()

    happenings = session.receive(data, 1.0)

    assert ended_of(happenings).code == over_of(happenings).code == "forged"
    assert session.receive(data, 1.0) == []
    assert session.send(cancelled(1), 1.0) == b""


def test_a_node_ends_the_session_of_a_host_that_forges_numbers() -> None:
    pair = Pair()
    pair.connect()

    happenings = pair.node.receive(encode_envelope(Market(quotes=()), number=1, received=9), 1.0)

    assert ended_of(happenings).code == over_of(happenings).code == "forged"


def test_a_large_message_ends_the_session_before_it_is_read() -> None:
    session, _ = Pair().connect()

    happenings = session.receive(b"\xc1" * (ENVELOPE_BYTES_MAX + 1), 1.0)

    assert ended_of(happenings).code == "too_large"


def test_a_kind_of_frame_may_be_as_large_as_its_rule_and_no_larger() -> None:
    session, _ = Pair().connect()
    heartbeat = Heartbeat(is_lending=True, reasons=("x" * 70_000,))

    happenings = session.receive(encode_envelope(heartbeat, number=1), 1.0)

    assert ended_of(happenings).code == "too_large"
    assert "heartbeat" in ended_of(happenings).message


def test_a_frame_that_is_too_large_to_be_heard_takes_no_number_and_the_session_goes_on() -> None:
    pair = Pair()
    session, _ = pair.connect()

    with pytest.raises(TooLarge, match="heartbeat"):
        pair.node.send(Heartbeat(is_lending=True, reasons=("x" * 70_000,)), 1.0)
    with pytest.raises(TooLarge, match="cancel"):
        session.send(CancelJob(job=JobId("x" * 20_000), attempt=0, why="client"), 1.0)

    assert pair.node.kept_bytes == session.kept_bytes == 0
    assert session.receive(pair.node.send(asked(0), 2.0), 2.0) == [Received(asked(0))]
    assert pair.node.receive(session.send(cancelled(0), 2.0), 2.0) == [Received(cancelled(0))]


@given(st.integers(-40, 40))
def test_what_may_be_sent_of_a_kind_is_what_the_other_side_hears(beside: int) -> None:
    pair = Pair()
    session, _ = pair.connect()
    beat = Heartbeat(is_lending=True, reasons=("x" * (FRAMES[Heartbeat].bytes_max - 60 + beside),))

    try:
        data = pair.node.send(beat, 1.0)
    except TooLarge:
        data = encode_envelope(beat, number=1)
        assert ended_of(session.receive(data, 1.0)).code == "too_large"
    else:
        assert session.receive(data, 1.0)[0] == Received(beat)


def test_every_truncation_of_a_frame_ends_the_session_and_none_raises() -> None:
    whole = encode_envelope(GoingAway(reason="sleep", back_after_seconds=60.0), number=1)

    for size in range(len(whole)):
        session, _ = Pair().connect()
        assert ended_of(session.receive(whole[:size], 1.0)).code == "malformed"


def test_frames_of_the_wrong_side_or_turn_end_the_session() -> None:
    session, _ = Pair().connect()
    hello = Hello(versions=(1,), device=session.device, nonce=b"", program="")

    assert ended_of(session.receive(encode_envelope(hello), 1.0)).code == "out_of_turn"
    session, _ = Pair().connect()
    happenings = session.receive(encode_envelope(Market(quotes=()), number=1), 1.0)
    assert ended_of(happenings).code == "malformed"


def test_a_frame_of_a_later_version_is_passed_over_and_counts() -> None:
    pair = Pair()
    session, _ = pair.connect()
    unknown = msgspec.msgpack.encode({"body": {"type": "weather", "sun": True}, "number": 1})

    assert session.receive(unknown, 1.0) == [Ignored("weather")]
    assert session.received == 1


def test_unknown_fields_are_passed_over() -> None:
    session, _ = Pair().connect()
    later = {"body": {"type": "look", "at": "models"}, "number": 1, "priority": 3}

    assert session.receive(msgspec.msgpack.encode(later), 1.0) == [Received(Look())]


def test_frames_that_were_lost_with_the_socket_come_over_the_next_one() -> None:
    pair = Pair()
    session, _ = pair.connect()
    arrived = pair.node.send(asked(0), 1.0)
    assert session.receive(arrived, 1.0)
    pair.node.send(asked(1), 1.0)
    session.send(cancelled(0), 1.0)

    pair.node.socket_lost(2.0)
    session.socket_lost(2.0)
    assert pair.node.send(asked(2), 2.0) == session.send(cancelled(1), 2.0) == b""
    resumed, told = pair.connect(3.0)

    assert resumed is session
    heard = [one for data in writes(told) for one in session.receive(data, 3.0)]
    assert heard == [Received(asked(1)), Received(asked(2))]
    assert [one.frame for one in told if isinstance(one, Received)] == [cancelled(0), cancelled(1)]
    (opened,) = [one for one in told if isinstance(one, Opened)]
    assert (opened.is_resumed, opened.lost) == (True, "")


def test_what_a_node_sends_when_it_hears_that_it_is_open_comes_after_what_was_lost() -> None:
    pair = Pair()
    session, _ = pair.connect()
    pair.node.send(asked(0), 1.0)
    pair.node.socket_lost(2.0)
    session.socket_lost(2.0)

    _, told = pair.connect(3.0)
    sent = [one.data if isinstance(one, Write) else pair.node.send(asked(1), 3.0) for one in told]

    heard = [one for data in sent for one in session.receive(data, 3.0)]
    assert heard == [Received(asked(0)), Received(asked(1))]


def test_a_session_is_gone_on_with_when_only_the_node_saw_the_socket_lost() -> None:
    pair = Pair()
    session, _ = pair.connect()
    pair.node.socket_lost(1.0)

    resumed, _ = pair.connect(2.0)

    assert resumed is session
    assert len(pair.door.sessions) == 1


def test_after_its_grace_a_session_is_over_for_both() -> None:
    pair = Pair()
    session, _ = pair.connect()
    pair.node.socket_lost(10.0)
    session.socket_lost(10.0)
    over = 10.0 + TERMS.grace_seconds

    assert pair.node.next_due() == session.next_due() == over
    assert not pair.node.due(over - 0.1) and not session.due(over - 0.1)
    assert ended_of(pair.node.due(over)).code == ended_of(session.due(over)).code == "grace"


def test_an_ended_session_is_not_gone_on_with_and_the_node_is_told_why() -> None:
    pair = Pair()
    session, _ = pair.connect()
    pair.node.socket_lost(1.0)
    session.socket_lost(1.0)
    pair.door.sessions.due(1.0 + TERMS.grace_seconds)

    again, told = pair.connect(29.0)

    assert again is not session
    (opened,) = told
    assert isinstance(opened, Opened)
    assert (opened.is_resumed, opened.lost) == (False, "the node did not come back")


def test_a_host_that_was_restarted_opens_a_new_session_and_says_so() -> None:
    pair = Pair()
    pair.connect()
    pair.node.socket_lost(1.0)
    pair.door.sessions = HostSessions()

    _, (opened,) = pair.connect(2.0)

    assert isinstance(opened, Opened)
    assert "does not know it" in opened.lost


def test_another_device_cannot_go_on_with_a_stolen_session() -> None:
    pair = Pair()
    session, _ = pair.connect()
    thief = Pair(node=node_session(2), door=pair.door)
    proved = thief.prove()

    for stolen in (session, None):  # living, and then ended
        named = msgspec.structs.replace(proved.hello, session=session.id)
        denied = pair.door.sessions.establish(
            msgspec.structs.replace(proved, hello=named), terms=TERMS, fresh="f" * 32, now=1.0
        )
        assert isinstance(denied, Denied)
        assert denied.code == "session"
        if stolen is not None:
            assert session.phase == "live"
            pair.door.sessions.hear(session, session.end("stopping", "the host stops"))


def test_impossible_numbers_do_not_go_on_with_a_session() -> None:
    pair = Pair()
    session, _ = pair.connect()
    proved = Pair(door=pair.door).prove()
    hello = msgspec.structs.replace(proved.hello, session=session.id, received=5)

    made = pair.door.establish(msgspec.structs.replace(proved, hello=hello), 1.0)

    assert not made.is_resumed
    assert made.replaced is session
    assert session.phase == "ended"


@pytest.mark.parametrize(
    "change", [{"received": 9}, {"received": -1}, {"session": "another"}], ids=str
)
def test_a_host_that_resumes_what_never_was_ends_the_session(change) -> None:
    pair = Pair()
    pair.connect()
    pair.node.socket_lost(1.0)
    (resumed, *_) = pair.door.establish(pair.prove(2.0), 2.0).writes
    incoming = decode_envelope(resumed, from_host, bytes_max=1 << 20)
    assert not isinstance(incoming, Fault)

    (refused,) = pair.node.receive(
        encode_envelope(msgspec.structs.replace(incoming.frame, **change)), 2.0
    )

    assert isinstance(refused, Refused)
    assert pair.node.phase == "off"


def test_a_host_that_resumes_what_was_not_asked_for_is_left() -> None:
    pair = Pair()
    made = pair.door.establish(pair.prove(), 0.0)
    incoming = decode_envelope(made.writes[0], from_host, bytes_max=1 << 20)
    assert not isinstance(incoming, Fault)

    forged = msgspec.structs.replace(incoming.frame, is_resumed=True)
    (refused,) = pair.node.receive(encode_envelope(forged), 0.0)

    assert isinstance(refused, Refused)


def test_a_device_has_one_session_and_the_newer_one_stays() -> None:
    pair = Pair()
    first, _ = pair.connect()
    restarted = Pair(door=pair.door)

    made = pair.door.establish(restarted.prove(), 1.0)

    assert made.replaced is first
    assert ended_of(made.happenings).code == over_of(made.happenings).code == "replaced"
    assert pair.door.sessions.of_device(first.device) is made.session
    told = ended_of(pair.node.receive(writes(made.happenings)[0], 1.0))
    assert (told.code, told.retry_after_seconds) == ("replaced", 600.0)
    assert "device.key" in told.message


def test_tombstones_are_bounded_and_the_oldest_goes() -> None:
    sessions = HostSessions(tombstones_max=2)
    proved = Pair().prove()
    for number in range(4):
        sessions.establish(proved, terms=TERMS, fresh=f"{number:032x}", now=0.0)

    for number, why in [(1, "does not know"), (2, "opened another")]:
        hello = msgspec.structs.replace(proved.hello, session=f"{0:032x}" if number == 1 else "")
        named = msgspec.structs.replace(hello, session=f"{0 if number == 1 else 2:032x}")
        made = sessions.establish(
            msgspec.structs.replace(proved, hello=named),
            terms=TERMS,
            fresh=f"{90 + number:032x}",
            now=0.0,
        )
        assert not isinstance(made, Denied)
        assert why.encode() in made.writes[0]


def test_leaving_tells_the_host_and_ends_at_once() -> None:
    pair = Pair()
    session, _ = pair.connect()

    (ended,) = session.receive(pair.node.leave(1.0), 1.0)

    assert isinstance(ended, SessionEnded)
    assert (ended.code, ended.is_ours) == ("leaving", False)
    assert pair.node.phase == "off"
    assert pair.node.leave(1.0) == b""


def test_a_host_that_stops_says_when_to_come_back() -> None:
    pair = Pair()
    session, _ = pair.connect()

    happenings = session.end("stopping", "the host stops", retry_after_seconds=20.0)
    (ended,) = pair.node.receive(writes(happenings)[0], 1.0)

    assert isinstance(ended, SessionEnded)
    assert (ended.code, ended.retry_after_seconds) == ("stopping", 20.0)


def test_nothing_that_is_shown_of_a_message_quotes_it() -> None:
    assert "secret words" not in repr(Write(b"secret words"))
    secret = msgspec.msgpack.encode({"body": {"type": "ask", "model": ["secret words"]}})

    session, _ = Pair().connect()

    assert "secret words" not in repr(session.receive(secret, 1.0))


@given(st.data())
def test_an_altered_frame_never_raises_and_never_counts_as_another_number(
    data: st.DataObject,
) -> None:
    pair = Pair()
    session, _ = pair.connect()
    frame = GoingAway(reason="sleep", back_after_seconds=60.0)
    whole = pair.node.send(frame, 1.0)
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8

    happenings = session.receive(bytes(changed), 1.0)

    frames = [one for one in happenings if isinstance(one, Received | Ignored)]
    assert len(frames) == session.received <= 1
    if session.phase == "ended":
        assert not frames and over_of(happenings).message
