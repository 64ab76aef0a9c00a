"""What no honest worker sends is delivered to nobody, and its worker does not go on."""

import msgspec
import pytest

from app.core.base.units import Micros
from app.core.pool.jobs.effects import CancelAttempt, Observe
from app.wire.engine import Delta, Embedded, Ended, Said
from app.wire.pool import Chunk, Finished, Sealed
from tests.core.pool.jobs.play import NAME, REQUEST, Play, body, candidate, embedding


def play(**fields: object) -> Play:
    return Play(**fields).granted().running("a")


def fault(job: Play) -> str:
    """What the attempt ended by; "" while it goes on."""
    seen = job.wanted(Observe)
    return seen[-1].why if seen and seen[-1].end == "faulty" else ""


def chunk(*events: Delta | Ended | Embedded, tokens: list[int], first: int = 0) -> Chunk:
    return Chunk(job=NAME, attempt=0, first=first, tokens=tokens, events=[*events])


def delta(tokens: list[int], choice: int = 0) -> Delta:
    said = [Said(text="x")]
    return Delta(request=REQUEST, choice=choice, parts=said, tokens=len(tokens), token_ids=tokens)


ENDED = Ended(request=REQUEST, choice=0, reason="stop")


@pytest.mark.parametrize(
    ("first", "case"), [(0, "repeats"), (1, "overlaps"), (4, "leaves a gap"), (-1, "is below zero")]
)
def test_a_chunk_that_is_not_the_next_one_is_a_fault(first: int, case: str) -> None:
    job = play().chunk("a", [1, 2, 3])

    job.chunk("a", [2, 3], first=first)

    assert fault(job) == "range", case
    assert job.told == [1, 2, 3]
    assert job.wanted(CancelAttempt) and job.job.phase == "held"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (chunk(delta([1]), tokens=[1, 2]), "tokens"),
        (chunk(delta([1, 2]), tokens=[2, 1]), "tokens"),
        (chunk(delta([1], choice=1), tokens=[1]), "shape"),
        (chunk(ENDED, delta([1]), tokens=[1]), "shape"),
        (chunk(Embedded(request=REQUEST, vectors=[], prompt_tokens=1), tokens=[]), "shape"),
    ],
)
def test_events_that_are_not_made_of_their_tokens_are_a_fault(sent: Chunk, why: str) -> None:
    job = play().heard("a", sent)

    assert fault(job) == why and job.told == []


@pytest.mark.parametrize(("vocabulary", "token"), [(0, -1), (0, 2**31), (100, 100), (100, 2**60)])
def test_a_token_that_the_model_does_not_have_is_a_fault(vocabulary: int, token: int) -> None:
    model = msgspec.structs.replace(candidate(), vocabulary=vocabulary)
    job = play(candidates=(model,)).chunk("a", [99])

    job.chunk("a", [token])

    assert fault(job) == "vocabulary" and job.told == [99]


def test_more_than_was_asked_for_is_a_fault() -> None:
    job = play(body=body(max_tokens=3)).chunk("a", [1, 2])

    job.chunk("a", [3, 4])

    assert fault(job) == "too_many" and job.told == [1, 2]


def test_words_after_the_last_one_are_passed_over_and_the_answer_is_whole() -> None:
    job = play().chunk("a", [1], end="stop").chunk("a", [2])

    assert job.told == [1]
    assert job.job.ending == "completed"


def test_words_before_the_acceptance_are_a_fault() -> None:
    job = Play().granted().placed("a").recorded().chunk("a", [1])

    assert fault(job) == "early" and job.told == []


def test_an_end_without_the_answers_last_word_is_a_fault() -> None:
    job = play().chunk("a", [1]).finished("a", answer=1)

    assert fault(job) == "no_end" and job.job.phase == "held"


def test_a_receipt_that_does_not_hold_is_a_fault_and_what_was_delivered_is_kept() -> None:
    job = play().chunk("a", [1])

    job.heard("a", Finished(job=NAME, attempt=0, reason="preempted", receipt=b"forged"))

    assert fault(job) == "receipt"
    assert job.told == [1] and job.job.attempts[0].reported is None


def test_as_many_vectors_come_as_inputs_were_sent() -> None:
    job = play(body=embedding(inputs=2)).embedded("a", vectors=1)

    assert fault(job) == "shape"


def test_frames_of_a_worker_that_was_not_asked_change_nothing() -> None:
    job = play().chunk("a", [1])
    before = job.job

    job.heard("b", chunk(delta([7]), tokens=[7], first=1))

    assert job.job == before and not job.effects


def test_plain_words_in_a_sealed_job_are_a_fault() -> None:
    sealed = Sealed(ephemeral_key=b"k", nonce=b"n", ciphertext=b"c")
    job = play(body=sealed, cost_max=Micros(100), worker="a")

    job.heard("a", chunk(delta([1]), tokens=[1]))

    assert fault(job) == "sealing"
