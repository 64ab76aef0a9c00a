"""Failover: the answer goes on elsewhere, each token once; errors are tried again by class."""

import pytest

from app.core.base.units import Micros
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.effects import CancelAttempt, Deliver, MeasureAttempt, Observe
from app.core.pool.jobs.failover import CLIENT_MISTAKES, contradicted
from app.wire.engine import Begun, Generate, Progress
from app.wire.pool import Sealed
from tests.core.pool.choosing import Pool, find, offering
from tests.core.pool.jobs.play import Play, body


def play() -> Play:
    return Play().granted().running("a")


def test_the_next_worker_goes_on_after_the_last_delivered_token() -> None:
    job = play().chunk("a", [1, 2, 3]).do(befell.WorkerGone(worker="a"))

    job.placed("b")

    offer = job.offers[-1].offer
    assert isinstance(offer.body, Generate)
    assert (offer.first, offer.body.answered, offer.attempt) == (3, [1, 2, 3], 1)
    assert job.searches[-1].answered == 3


@pytest.mark.parametrize("cut", range(7))
def test_wherever_a_worker_is_lost_the_answer_and_the_bill_are_the_same(cut: int) -> None:
    whole = [11, 12, 13, 14, 15, 16]
    job = play()
    for token in whole[:cut]:
        job.chunk("a", [token])
    job.do(befell.WorkerGone(worker="a")).running("b")
    job.chunk("b", whole[cut:], end="stop").finished("b", answer=6 - cut)
    for attempt in job.job.attempts:
        job.counted(attempt.number, len(attempt.tokens))
    job.settled()

    assert job.told == whole
    assert job.end.cost == 10 + 2 * 6
    assert job.job.phase == "settled"


def test_the_caller_sees_one_beginning() -> None:
    job = play().begun("a").chunk("a", [1]).do(befell.WorkerGone(worker="a")).running("b")
    job.begun("b").chunk("b", [2])

    events = [event for deliver in job.wanted(Deliver) for event in deliver.events]
    assert sum(isinstance(event, Begun) for event in events) == 1


def test_what_an_abandoned_attempt_still_says_is_told_to_nobody() -> None:
    job = play().chunk("a", [1]).do(befell.WorkerGone(worker="a")).running("b")

    job.chunk("a", [2, 3], first=1)

    assert job.told == [1] and job.job.delivered == 1


def test_every_later_attempt_has_the_content_of_the_first() -> None:
    job = play().chunk("a", [1]).do(befell.WorkerGone(worker="a"))

    assert job.searches[-1].sha256 == job.job.candidate.sha256


def test_a_worker_whose_owner_returned_hands_the_answer_on() -> None:
    job = play().chunk("a", [1, 2]).finished("a", "preempted", answer=2)

    assert job.job.phase == "held"
    assert job.wanted(Observe)[-1].end == "preempted"
    assert job.searches[-1].answered == 2


def test_a_worker_that_stalls_is_told_to_stop_and_another_is_asked() -> None:
    job = play().chunk("a", [1]).do(befell.Tick(), after_seconds=5.0)

    assert job.wanted(CancelAttempt)[-1].cancel.why == "elsewhere"
    assert job.job.phase == "held"
    assert "a" in job.job.avoided


def test_a_worker_that_gets_on_is_not_stalled() -> None:
    job = play()
    for token in range(8):
        job.chunk("a", [token]).do(befell.Tick(), after_seconds=4.0)

    assert job.job.phase == "running"


def test_a_worker_that_drips_is_paid_its_drops_and_not_asked_where_another_is() -> None:
    job = play()
    for token in range(9):
        job.do(befell.Tick(), after_seconds=4.9).chunk("a", [token])
    job.do(befell.CallerLeft()).finished("a", "cancelled", answer=9).counted(0, 9).settled()
    pool = Pool(offering("a"), offering("b", is_loaded=False))

    for observed in job.wanted(Observe):
        pool.observe(observed)

    assert job.end.cost == 10 + 9 * 2
    assert {pool.worker(find(), draw) for draw in range(20)} == {"b"}


def test_a_worker_that_loads_the_model_first_gets_the_time_for_it() -> None:
    job = Play().granted().placed("a").recorded().accepted("a", is_cold=True)

    job.do(befell.Tick(), after_seconds=100.0)

    assert job.job.phase == "accepted"


def test_an_offer_that_nobody_answers_goes_elsewhere() -> None:
    job = Play().granted().placed("a").recorded().do(befell.Tick(), after_seconds=5.0)

    assert job.job.phase == "held" and job.job.avoided == {"a"}


def test_a_mistake_that_two_machines_find_is_told_in_our_own_words_and_not_tried_again() -> None:
    job = play().finished("a", "refused", kind="unsupported").running("b")
    job.finished("b", "refused", kind="template_error").settled()

    assert len(job.offers) == 2
    assert (job.end.ending, job.end.kind, job.end.cost) == ("refused", "template_error", 0)
    assert job.end.message == CLIENT_MISTAKES["template_error"]
    assert job.job.phase == "voided"


def test_a_refusal_that_another_machine_contradicts_is_that_of_the_first_alone() -> None:
    job = play().finished("a", "refused", kind="invalid_request").running("b")
    job.chunk("b", [1], end="stop").finished("b", answer=1).counted(1, 1).settled()

    assert job.end.ending == "completed" and job.told == [1]
    assert [each.placement.worker for each in contradicted(job.job)] == ["a"]


def test_a_refusal_stands_where_nobody_else_can_be_asked() -> None:
    job = play().finished("a", "refused", kind="unsupported")
    assert job.job.phase == "held" and job.searches[-1].is_refused

    job.do(befell.Unplaceable(message="nobody")).settled()

    assert (job.end.ending, job.end.kind) == ("refused", "unsupported")
    assert contradicted(job.job) == []


def test_a_refusal_stands_when_all_others_were_busy_for_as_long_as_one_waits() -> None:
    job = play().finished("a", "refused", kind="unsupported")
    job.do(befell.Unplaceable(message="busy", is_waiting=True))

    job.do(befell.Tick(), after_seconds=60.0).settled()

    assert job.end.ending == "refused"


def test_the_one_machine_that_can_open_a_sealed_request_is_believed() -> None:
    sealed = Sealed(ephemeral_key=b"k", nonce=b"n", ciphertext=b"c")
    job = Play(body=sealed, cost_max=Micros(100), worker="a").granted().running("a")

    job.finished("a", "refused", kind="unsupported").settled()

    assert (job.end.ending, job.end.kind) == ("refused", "unsupported")


def test_a_refusal_and_two_that_left_are_no_clients_mistake() -> None:
    job = play().finished("a", "refused", kind="unsupported")
    for worker in ("b", "c"):
        job.running(worker).do(befell.WorkerGone(worker=worker))
    job.settled()

    assert (job.end.ending, job.end.kind) == ("failed", "unserved")


def test_a_refusal_for_a_reason_of_the_worker_is_tried_elsewhere() -> None:
    job = play().finished("a", "refused", kind="busy")

    assert job.job.phase == "held"


def test_a_refusal_after_tokens_is_the_workers_failure() -> None:
    job = play().chunk("a", [1]).finished("a", "refused", kind="invalid_request")

    assert job.job.phase == "held"
    assert job.wanted(Observe)[-1].end == "failed"


def test_a_job_over_which_two_engines_fell_is_not_given_to_a_third() -> None:
    job = play().finished("a", "failed", kind="engine_failed").running("b")
    job.finished("b", "failed", kind="engine_failed").settled()

    assert len(job.offers) == 2
    assert (job.end.ending, job.end.kind) == ("failed", "engine_failed")
    assert "two workers" in job.end.message


def test_a_job_ends_after_three_workers_that_delivered_nothing() -> None:
    job = Play().granted()
    for worker in ("a", "b", "c"):
        job.running(worker).do(befell.WorkerGone(worker=worker))
    job.settled()

    assert (job.end.ending, job.end.kind, job.end.cost) == ("failed", "unserved", 0)


def test_a_job_goes_on_as_long_as_its_workers_get_on_with_it() -> None:
    job = Play().granted()
    for place in range(10):
        worker = f"w{place}"
        job.running(worker).chunk(worker, [place]).do(befell.WorkerGone(worker=worker))

    assert job.job.phase == "held" and job.told == list(range(10))


def test_a_rejected_offer_is_no_failure() -> None:
    job = Play().granted()
    for worker in "abcdefgh":
        job.placed(worker).recorded().rejected(worker, "not_lending")

    assert job.job.phase == "held" and len(job.job.avoided) == 8


def test_a_worker_without_a_free_slot_may_be_asked_again_later() -> None:
    job = Play().granted().placed("a").recorded().rejected("a", "no_slot")

    assert job.job.avoided == frozenset()


@pytest.mark.parametrize(("cached", "prompt"), [(0, 10), (10, 1), (None, 0)])
def test_an_answer_whose_end_was_delivered_is_whole_without_a_receipt(
    cached: int | None, prompt: int
) -> None:
    job = play().begun("a", cached=cached).chunk("a", [1, 2], end="stop")
    job.do(befell.WorkerGone(worker="a")).counted(0, 2).settled()

    assert job.end.ending == "completed"
    assert job.end.cost == prompt + 2 * 2  # nothing, where it never said that the prompt is read


def test_that_a_prompt_is_read_is_told_to_a_caller_who_wants_progress_and_to_no_other() -> None:
    silent, told = play().begun("a", cached=0), Play(body=body(progress=True)).granted()
    told.running("a").begun("a", cached=0)

    for job, expected in ((silent, 0), (told, 1)):
        events = [event for deliver in job.wanted(Deliver) for event in deliver.events]
        assert sum(isinstance(event, Progress) for event in events) == expected


def test_each_attempt_is_counted_after_what_was_answered_before() -> None:
    job = play().chunk("a", [1, 2]).do(befell.WorkerGone(worker="a")).running("b")
    job.chunk("b", [3], end="stop").finished("b", answer=1)

    first, second = job.wanted(MeasureAttempt)
    assert isinstance(first.measure.work, Generate) and isinstance(second.measure.work, Generate)
    assert (first.measure.work.answered, first.measure.tokens) == ([], [1, 2])
    assert (second.measure.work.answered, second.measure.tokens) == ([1, 2], [3])
