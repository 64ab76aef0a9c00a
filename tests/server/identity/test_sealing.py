"""What is sealed is read by the one it is for, as that job, in that order, or by nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.base.errors import SealBroken
from app.core.base.ids import JobId, RequestId
from app.core.pool.sealing import SealedPiece, SealedRequest
from app.server.identity.keys import DeviceKey
from app.server.identity.sealing import open_sealed, seal
from app.wire.engine import Delta, Embed, Ended, Generate, PromptText, Said
from app.wire.pool import Sealed

WORKER, OTHER = DeviceKey(b"w" * 32), DeviceKey(b"o" * 32)
JOB = JobId("job-1")
REQUEST = SealedRequest(
    body=Generate(request=RequestId("r"), prompt=PromptText(text="a secret question")),
    commitment_key=b"k" * 32,
)
PIECES = [
    SealedPiece(
        tokens=[n],
        events=[Delta(request=RequestId("r"), choice=0, parts=[Said(text=f"secret {n}")])],
    )
    for n in range(3)
]
LAST = SealedPiece(
    tokens=[], events=[Ended(request=RequestId("r"), choice=0, reason="stop")], is_last=True
)


def sealed_request():
    return seal(REQUEST, job=JOB, worker=WORKER.device, worker_key=WORKER.sealing_key)


def answered():
    """The asker's opener, and an answer of four pieces."""
    sealed, opener = sealed_request()
    _, sealer = open_sealed(sealed, key=WORKER, job=JOB, attempt=0)
    return opener, [sealer.seal(piece) for piece in (*PIECES, LAST)]


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_worker_reads_the_question_and_the_asker_the_answer() -> None:
    sealed, opener = sealed_request()

    request, sealer = open_sealed(sealed, key=WORKER, job=JOB, attempt=0)
    answer = [opener.open(sealer.seal(piece)) for piece in (*PIECES, LAST)]

    assert request == REQUEST
    assert answer == [*PIECES, LAST]
    assert opener.is_complete


def test_embeddings_are_sealed_too() -> None:
    request = SealedRequest(body=Embed(request=RequestId("r"), inputs=["words"]))
    sealed, _ = seal(request, job=JOB, worker=WORKER.device, worker_key=WORKER.sealing_key)

    assert open_sealed(sealed, key=WORKER, job=JOB, attempt=0)[0] == request


def test_who_relays_sees_no_word() -> None:
    sealed, _ = sealed_request()
    _, answer = answered()

    for body in (sealed, *answer):
        assert b"secret" not in body.ciphertext + body.nonce + body.ephemeral_key
        assert "ciphertext" not in repr(body)


def test_the_same_request_sealed_twice_has_nothing_in_common() -> None:
    one, other = sealed_request()[0], sealed_request()[0]

    assert one.ephemeral_key != other.ephemeral_key
    assert one.ciphertext != other.ciphertext


WRONG = {
    "another device": {"key": OTHER},
    "another job": {"job": JobId("job-2")},
    "another attempt": {"attempt": 1},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_request_is_not_opened_as_anything_else(change) -> None:
    sealed, _ = sealed_request()

    with pytest.raises(SealBroken):
        open_sealed(sealed, **({"key": WORKER, "job": JOB, "attempt": 0} | change))


def test_a_host_that_names_its_own_key_as_the_workers_reads_nothing_for_the_worker() -> None:
    # The asker is told to check the worker's signature; here it was fooled into another key.
    sealed, _ = seal(REQUEST, job=JOB, worker=WORKER.device, worker_key=OTHER.sealing_key)

    for key in (WORKER, OTHER):
        with pytest.raises(SealBroken):
            open_sealed(sealed, key=key, job=JOB, attempt=0)


@given(st.data())
def test_a_flipped_bit_is_found_in_request_and_answer(data: st.DataObject) -> None:
    sealed, _ = sealed_request()
    opener, answer = answered()
    field = data.draw(st.sampled_from(["ephemeral_key", "nonce", "ciphertext"]))

    def altered(body: Sealed) -> Sealed:
        whole = getattr(body, field)
        # The top bit of an X25519 key is no part of it (RFC 7748): it changes no secret, and yet
        # the key is part of what the seal is bound to.
        return replace(body, **{field: flip(whole, data.draw(st.integers(0, len(whole) * 8 - 1)))})

    with pytest.raises(SealBroken):
        open_sealed(altered(sealed), key=WORKER, job=JOB, attempt=0)
    with pytest.raises(SealBroken):
        opener.open(altered(answer[0]))


@pytest.mark.parametrize("order", [[1], [0, 2], [0, 0], [0, 1, 0], [1, 0]])
def test_pieces_that_are_left_out_doubled_or_moved_are_found(order: list[int]) -> None:
    opener, answer = answered()

    with pytest.raises(SealBroken):
        for number in order:
            opener.open(answer[number])


def test_after_the_last_piece_nothing_is_taken_and_before_it_the_answer_is_not_complete() -> None:
    opener, answer = answered()
    for piece in answer[:3]:
        opener.open(piece)
        assert not opener.is_complete

    opener.open(answer[3])

    with pytest.raises(SealBroken, match="after its end"):
        opener.open(answer[3])


def test_pieces_of_another_answer_to_the_same_question_are_not_taken() -> None:
    sealed, opener = sealed_request()
    _, one = open_sealed(sealed, key=WORKER, job=JOB, attempt=0)
    _, other = open_sealed(sealed, key=WORKER, job=JOB, attempt=0)
    opener.open(one.seal(PIECES[0]))
    other.seal(PIECES[0])

    with pytest.raises(SealBroken):
        opener.open(other.seal(PIECES[1]))


@pytest.mark.parametrize("key", [b"", b"\0" * 32, b"\0" * 31, b"\1" + b"\0" * 31])
def test_keys_that_would_give_the_secret_away_are_refused(key: bytes) -> None:
    sealed, opener = sealed_request()

    with pytest.raises(SealBroken):
        seal(REQUEST, job=JOB, worker=WORKER.device, worker_key=key)
    with pytest.raises(SealBroken):
        open_sealed(replace(sealed, ephemeral_key=key), key=WORKER, job=JOB, attempt=0)
    with pytest.raises(SealBroken):
        opener.open(Sealed(ephemeral_key=key, nonce=b"\0" * 12, ciphertext=b"\0" * 32))


def test_what_a_seal_says_when_it_breaks_quotes_nothing() -> None:
    sealed, _ = sealed_request()

    with pytest.raises(SealBroken) as raised:
        open_sealed(sealed, key=OTHER, job=JOB, attempt=0)

    assert "secret" not in str(raised.value)
