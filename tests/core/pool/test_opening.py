"""A session opens between the two who hold the keys, in a version that both speak; else never."""

from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.pool.envelope import decode_envelope, encode_envelope, from_host, from_node
from app.core.pool.happenings import CloseSocket, Fault, Opened, Proved, Refused
from app.core.pool.host_sessions import HostSessions
from app.core.pool.proofs import node_statement, sealing_card, sealing_key_of, sealing_statement
from app.server.identity.keys import verify
from app.wire.message import Message
from app.wire.opening import HANDSHAKE_BYTES_MAX, Challenge, Denied, Proof
from app.wire.pool import Look
from tests.core.pool.session_pair import (
    TERMS,
    Door,
    Pair,
    device_key,
    node_session,
    pool_key,
    writes,
)


def body_of(data: bytes) -> Message:
    """The frame in an envelope of either side."""
    for frames in (from_node, from_host):
        found = decode_envelope(data, frames, bytes_max=1 << 24)
        if not isinstance(found, Fault):
            assert found.frame is not None
            return found.frame
    raise AssertionError("no envelope")


def test_two_who_hold_their_keys_open_a_session() -> None:
    pair = Pair()

    session, told = pair.connect()

    assert [type(one) for one in told] == [Opened]
    assert (pair.node.phase, session.phase) == ("live", "live")
    assert session.device == device_key(1).device


def test_the_proof_brings_a_sealing_key_that_the_device_signed() -> None:
    proved = Pair().prove()

    card = sealing_card(proved.sealing_key, proved.sealing_signature)
    assert sealing_key_of(card, proved.device, verify) == device_key(1).sealing_key
    assert sealing_key_of(card, device_key(2).device, verify) is None
    assert sealing_key_of(card[:-1], proved.device, verify) is None


@pytest.mark.parametrize(
    ("node", "host"), [*product([(1,), (2,), (2, 1), (3, 2), ()], [(1,), (2, 1), (3,)])]
)
def test_the_newest_version_that_both_speak_is_spoken_or_a_sentence_says_that_there_is_none(
    node: tuple[int, ...], host: tuple[int, ...]
) -> None:
    pair = Pair(node=node_session(versions=node), door=Door(versions=host))
    greeting = pair.door.greeting()

    happenings = greeting.receive(pair.hello())

    common = set(node) & set(host)
    answer = body_of(writes(happenings)[0])
    if common:
        assert isinstance(answer, Challenge)
        assert answer.version == max(common)
        assert writes(pair.node.receive(writes(happenings)[0], 0.0))
    else:
        assert isinstance(answer, Denied)
        assert (answer.code, answer.versions) == ("version", host)
        assert "version" in answer.message and answer.remedy
        assert pair.node.receive(writes(happenings)[0], 0.0) == [Refused(denied=answer)]
        assert pair.node.phase == "off"


def test_a_host_that_answers_in_a_version_that_was_not_offered_is_left() -> None:
    pair = Pair(node=node_session(versions=(1,)))
    (challenge,) = writes(pair.door.greeting().receive(pair.hello()))
    other = msgspec.structs.replace(body_of(challenge), version=2)

    (refused,) = pair.node.receive(encode_envelope(other), 0.0)

    assert isinstance(refused, Refused)
    assert refused.denied.code == "version"


def test_a_proof_that_was_heard_before_opens_nothing() -> None:
    pair = Pair()
    greeting = pair.door.greeting()
    hello = pair.hello()
    (challenge,) = writes(greeting.receive(hello))
    (proof,) = writes(pair.node.receive(challenge, 0.0))
    greeting.receive(proof)

    again = pair.door.greeting()
    again.receive(hello)
    refused = pair.refused(again, proof)

    assert refused.denied.code == "proof"
    assert again.phase == "done"


def test_a_challenge_that_was_heard_before_is_not_proved_to() -> None:
    pair = Pair()
    (challenge,) = writes(pair.door.greeting().receive(pair.hello()))
    pair.node.socket_lost(0.0)
    pair.hello()

    (refused,) = pair.node.receive(challenge, 0.0)

    assert isinstance(refused, Refused)
    assert refused.denied.code == "proof"


def test_another_pool_at_the_address_gets_no_proof() -> None:
    pair = Pair(node=node_session(pool=201))
    (challenge,) = writes(pair.door.greeting().receive(pair.hello()))

    (refused,) = pair.node.receive(challenge, 0.0)

    assert isinstance(refused, Refused)
    assert "another pool" in refused.denied.message


def test_who_does_not_hold_the_pools_key_gets_no_proof() -> None:
    pair = Pair()
    (challenge,) = writes(pair.door.greeting().receive(pair.hello()))
    forged = msgspec.structs.replace(body_of(challenge), signature=b"\0" * 64)

    (refused,) = pair.node.receive(encode_envelope(forged), 0.0)

    assert isinstance(refused, Refused)
    assert not writes([refused])
    assert pair.node.phase == "off"


CHANGES_OF_HELLO = [
    {"session": "0" * 32},
    {"received": 7},
    {"name": "another"},
    {"program": "0.1"},
    {"versions": (1, 0)},
    {"nonce": b"\1" * 32},
    {"device": device_key(2).device},
]


@pytest.mark.parametrize("change", CHANGES_OF_HELLO, ids=lambda change: next(iter(change)))
def test_who_changes_the_hello_on_its_way_is_found_out_by_the_node(change) -> None:
    pair = Pair()
    hello = body_of(pair.hello())

    changed = encode_envelope(msgspec.structs.replace(hello, **change))
    (challenge,) = writes(pair.door.greeting().receive(changed))
    (refused,) = pair.node.receive(challenge, 0.0)

    assert isinstance(refused, Refused)
    assert refused.denied.code == "proof"


def test_who_shows_one_pools_challenge_as_anothers_gets_a_proof_that_serves_nowhere() -> None:
    # The middle has a pool of its own, whose node came to it, and would be that node elsewhere.
    pair, middle = Pair(), pool_key(201)
    hello = pair.hello()
    greeting = pair.door.greeting()
    (challenge,) = writes(greeting.receive(hello))
    nonce = body_of(challenge).nonce

    statement = node_statement(hello, encode_envelope(Challenge(
        version=1, pool=middle.pool, nonce=nonce, signature=b"", at=1
    )))  # fmt: skip
    key = device_key(1)
    proof = Proof(
        signature=key.sign(statement),
        sealing_key=key.sealing_key,
        sealing_signature=key.sign(sealing_statement(key.sealing_key)),
    )

    assert pair.refused(greeting, encode_envelope(proof)).denied.code == "proof"


def test_a_sealing_key_that_the_device_did_not_sign_is_refused() -> None:
    pair = Pair()
    greeting = pair.door.greeting()
    (challenge,) = writes(greeting.receive(pair.hello()))
    (proof,) = writes(pair.node.receive(challenge, 0.0))
    swapped = msgspec.structs.replace(body_of(proof), sealing_key=device_key(9).sealing_key)

    assert pair.refused(greeting, encode_envelope(swapped)).denied.code == "proof"


def test_a_greeting_that_takes_too_long_is_over_on_both_sides() -> None:
    pair = Pair()
    greeting = pair.door.greeting(now=5.0)
    pair.hello(now=5.0)
    deadline = pair.door.limits.handshake_seconds

    assert greeting.next_due() == pair.node.next_due() == 5.0 + deadline
    assert not greeting.due(4.9 + deadline) and not pair.node.due(4.9 + deadline)
    *_, refused = greeting.due(5.0 + deadline)
    (closed,) = pair.node.due(5.0 + deadline)

    assert isinstance(refused, Refused) and refused.denied.code == "deadline"
    assert isinstance(closed, CloseSocket)
    assert (greeting.phase, pair.node.phase) == ("done", "off")


def test_before_the_proof_a_large_message_is_refused_unread() -> None:
    pair = Pair()

    refused = pair.refused(pair.door.greeting(), b"\x81" * (HANDSHAKE_BYTES_MAX + 1))

    assert refused.denied.code == "malformed"
    assert str(HANDSHAKE_BYTES_MAX) in refused.denied.message


def test_frames_of_a_session_before_the_proof_are_refused() -> None:
    pair = Pair()
    greeting = pair.door.greeting()
    greeting.receive(pair.hello())

    assert pair.refused(greeting, encode_envelope(Look(), number=1)).denied.code == "malformed"


@pytest.mark.parametrize(
    "hello",
    [
        {"device": "0" * 63},
        {"device": "G" * 64},
        {"nonce": b""},
        {"nonce": b"\0" * 33},
    ],
    ids=["short key", "no key", "no nonce", "long nonce"],
)
def test_a_hello_with_impossible_keys_is_refused(hello) -> None:
    pair = Pair()
    changed = msgspec.structs.replace(body_of(pair.hello()), **hello)

    refused = pair.refused(pair.door.greeting(), encode_envelope(changed))

    assert refused.denied.code == "malformed"


@given(st.binary(max_size=200))
def test_no_bytes_of_a_stranger_open_a_session_or_raise(data: bytes) -> None:
    greeting = Pair().door.greeting()

    happenings = greeting.receive(data)

    assert isinstance(happenings[-1], Refused)
    assert greeting.receive(data) == []


@given(st.binary(max_size=200))
def test_no_bytes_of_a_stranger_make_a_node_prove_itself_or_raise(data: bytes) -> None:
    pair = Pair()
    pair.hello()

    happenings = pair.node.receive(data, 0.0)

    assert not writes(happenings)


def test_the_edge_may_say_no_after_the_proof_with_a_sentence() -> None:
    pair = Pair()
    greeting = pair.door.greeting()
    (challenge,) = writes(greeting.receive(pair.hello()))
    (proof,) = writes(pair.node.receive(challenge, 0.0))
    (proved,) = greeting.receive(proof)
    assert isinstance(proved, Proved)

    (no,) = writes(greeting.deny("unknown_device", "nobody knows it", remedy="Use an invite."))
    (refused,) = pair.node.receive(no, 0.0)

    assert isinstance(refused, Refused)
    assert refused.denied.remedy == "Use an invite."


def test_a_full_host_says_when_to_come_back() -> None:
    sessions = HostSessions(sessions_max=1)
    first = Pair().prove()
    second = Pair(node=node_session(2)).prove()
    sessions.establish(first, terms=TERMS, fresh="a" * 32, now=0.0)

    denied = sessions.establish(second, terms=TERMS, fresh="b" * 32, now=0.0)

    assert isinstance(denied, Denied)
    assert (denied.code, denied.retry_after_seconds) == ("full", 60.0)


def test_the_invite_is_told_to_the_host_that_it_leads_to_and_to_no_other() -> None:
    secret = "0123456789abcdef" * 2
    pair, impostor = Pair(), Pair(node=node_session(pool=201))
    pair.node.invite = impostor.node.invite = secret

    hello = pair.hello()
    (challenge,) = writes(pair.door.greeting().receive(impostor.hello()))

    assert secret.encode() not in hello
    assert not writes(impostor.node.receive(challenge, 0.0))
    pair.node.socket_lost(0.0)
    assert pair.prove().invite == secret
    pair.node.socket_lost(0.0)
    pair.node.invite = ""
    assert pair.prove().invite == ""


def test_who_changes_the_invite_on_its_way_is_found_out_by_the_host() -> None:
    pair = Pair()
    pair.node.invite = "mine"
    greeting = pair.door.greeting()
    (challenge,) = writes(greeting.receive(pair.hello()))
    (proof,) = writes(pair.node.receive(challenge, 0.0))
    changed = msgspec.structs.replace(body_of(proof), invite="another")

    assert pair.refused(greeting, encode_envelope(changed)).denied.code == "proof"
