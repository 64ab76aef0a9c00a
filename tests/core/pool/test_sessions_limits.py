"""Time and limits of a session: heartbeats, silence, sleep, backlogs, floods."""

import msgspec

from app.core.base.ids import JobId, RequestId
from app.core.base.units import Micros
from app.core.pool.channel import Limits
from app.core.pool.happenings import (
    CloseSocket,
    HeartbeatDue,
    Opened,
    SessionEnded,
    Write,
)
from app.wire.engine import Generate, PromptText
from app.wire.opening import Denied
from app.wire.pool import Ask, Heartbeat
from tests.core.pool.session_pair import (
    TERMS,
    Door,
    Pair,
    asked,
    cancelled,
    ended_of,
    node_session,
    writes,
)


def test_heartbeats_are_due_as_the_host_wishes_and_are_acknowledged() -> None:
    pair = Pair()
    session, _ = pair.connect(100.0)

    assert pair.node.due(100.0) == [HeartbeatDue()]
    session.receive(pair.node.send(Heartbeat(is_lending=True), 100.0), 100.0)
    (ack,) = session.due(101.0)
    assert isinstance(ack, Write)
    pair.node.receive(ack.data, 101.0)

    assert pair.node.kept_bytes == 0
    assert pair.node.next_due() == 110.0


def test_a_silent_peer_loses_its_socket_and_keeps_its_session() -> None:
    pair = Pair()
    session, _ = pair.connect(0.0)

    (closed,) = session.due(30.0)
    *_, of_node = pair.node.due(30.0)

    assert isinstance(closed, CloseSocket) and isinstance(of_node, CloseSocket)
    assert session.phase == pair.node.phase == "waiting"


def test_a_node_that_slept_comes_back_to_its_session_or_to_a_new_one() -> None:
    pair = Pair()
    session, _ = pair.connect(0.0)
    hours = 3 * 3600.0

    assert isinstance(pair.node.due(hours)[-1], CloseSocket)
    pair.door.sessions.due(hours)
    pair.door.sessions.due(hours + 60.0)
    _, (opened,) = pair.connect(hours + 1.0)

    assert isinstance(opened, Opened)
    assert opened.lost
    assert session.phase == "ended"


def test_what_is_not_acknowledged_is_bounded_in_frames_and_in_bytes() -> None:
    for limits in (Limits(frames_max=3), Limits(bytes_max=120)):
        pair = Pair(node=node_session(limits=limits))
        pair.connect()
        sent = [pair.node.send(asked(n), 1.0) for n in range(10)]

        over = next(data for data in sent if b"backlog" in data)
        assert pair.node.kept_bytes <= limits.bytes_max
        assert sent[sent.index(over) + 1 :] == [b""] * (9 - sent.index(over))
        assert pair.node.next_due() is not None
        assert ended_of(pair.node.due(1.0)).code == "backlog"


def test_a_node_asks_no_more_while_an_ask_could_end_the_session_by_its_backlog() -> None:
    pair = Pair()
    session, _ = pair.connect()
    prompt = PromptText(text="x" * 6 * 1024 * 1024)
    body = Generate(request=RequestId("r"), prompt=prompt)
    ask = Ask(job=JobId("an-ask"), model="large", body=body, cost_max=Micros(1))

    sent = []
    while pair.node.may_ask:
        sent.append(pair.node.send(ask, 1.0))

    assert len(sent) == 2 and pair.node.phase == "live"
    for data in sent:
        session.receive(data, 1.0)
    pair.node.receive(session.send(cancelled(0), 1.0), 1.0)
    assert pair.node.may_ask


def test_a_backlog_without_a_socket_ends_the_session_too() -> None:
    pair = Pair(door=Door(limits=Limits(frames_max=2)))
    session, _ = pair.connect()
    session.socket_lost(1.0)

    assert [session.send(cancelled(n), 1.0) for n in range(3)] == [b"", b"", b""]

    assert ended_of(session.due(1.0)).code == "backlog"


def test_acks_go_alone_after_a_second_or_after_many_frames() -> None:
    pair = Pair(door=Door(limits=Limits(ack_frames=3)))
    session, _ = pair.connect()

    happenings = [session.receive(pair.node.send(asked(n), 1.0), 1.0) for n in range(4)]

    assert [len(writes(one)) for one in happenings] == [0, 0, 1, 0]
    assert session.next_due() == 2.0
    assert writes(session.due(2.0))


def test_a_node_that_floods_is_ended_and_others_are_not_disturbed() -> None:
    limits = Limits(frames_per_second=10.0, frames_at_once=20)
    pair = Pair(door=Door(limits=limits))
    session, _ = pair.connect()
    other, _ = Pair(node=node_session(2), door=pair.door).connect()

    codes = [
        happening.code
        for n in range(30)
        for happening in session.receive(pair.node.send(asked(n), 1.0), 1.0)
        if isinstance(happening, SessionEnded)
    ]

    assert codes == ["flood"]
    assert other.phase == "live"


def test_a_host_that_asks_for_absurd_times_gets_bounded_ones() -> None:
    pair = Pair()
    proved = pair.prove()
    absurd = msgspec.structs.replace(TERMS, heartbeat_seconds=float("nan"), grace_seconds=1e12)
    made = pair.door.sessions.establish(proved, terms=absurd, fresh="c" * 32, now=0.0)
    assert not isinstance(made, Denied)

    pair.node.receive(made.writes[0], 0.0)

    assert pair.node.due(0.0) == [HeartbeatDue()]
    assert pair.node.next_due() == 1.0
    pair.node.socket_lost(0.0)
    assert pair.node.next_due() == 3600.0
