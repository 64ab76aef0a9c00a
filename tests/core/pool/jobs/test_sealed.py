"""A sealed job: the host relays what it cannot read, and pays the smaller of both ends' counts."""

import pytest

from app.core.base.units import Micros
from app.core.pool.counts import prompt_bound
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.effects import Deliver, MeasureAttempt, ObserveCount, Record
from app.core.pool.jobs.job import Counted
from app.wire.pool import Sealed
from tests.core.pool.jobs.play import Play

BODY = Sealed(ephemeral_key=b"k", nonce=b"n", ciphertext=b"c")


PIECE = b"twenty bytes or more"


def play(*, answer: int = 40) -> Play:
    job = Play(body=BODY, cost_max=Micros(500), worker="a").granted().running("a")
    return job.sealed("a", PIECE).sealed("a", PIECE).finished("a", answer=answer)


def caller_counted(tokens: int) -> befell.CallerCounted:
    return befell.CallerCounted(counted=Counted(prompt_tokens=10, answer_tokens=tokens))


def test_all_that_it_may_cost_is_held_at_once() -> None:
    job = Play(body=BODY, cost_max=Micros(500), worker="a")

    command = job.command()
    assert (command.amount, command.least) == (500, 500)  # type: ignore[union-attr]


def test_pieces_are_passed_on_as_they_came_and_counted_by_nobody_here() -> None:
    job = play()

    pieces = [event for deliver in job.wanted(Deliver) for event in deliver.events]
    assert len(pieces) == 2 and all(isinstance(piece, Sealed) for piece in pieces)
    assert not job.wanted(MeasureAttempt)


def test_the_smaller_of_both_counts_is_paid() -> None:
    job = play().do(caller_counted(30)).settled()

    assert job.end.cost == 10 + 30 * 2
    assert (job.end.answer_tokens, job.end.delivered_tokens) == (30, 30)


def test_a_caller_that_does_not_count_in_time_pays_what_the_worker_says() -> None:
    job = play()
    assert job.job.phase == "counting"

    job.do(befell.Tick(), after_seconds=30.0).settled()

    assert job.end.cost == 10 + 40 * 2


def test_no_worker_is_paid_for_more_tokens_than_there_were_bytes() -> None:
    job = play(answer=1_000_000).do(befell.Tick(), after_seconds=30.0).settled()

    assert job.end.cost == 10 + len(PIECE + PIECE) * 2


def test_a_caller_that_counts_less_pays_less_and_accuses_nobody() -> None:
    job = play().do(caller_counted(1)).settled()

    assert job.end.cost == 10 + 1 * 2
    assert not job.wanted(ObserveCount)


def test_a_caller_that_is_gone_is_not_waited_for() -> None:
    job = play().do(befell.CallerLeft()).settled()

    assert job.end.cost == 10 + 40 * 2


@pytest.mark.parametrize(("counts", "paid"), [(None, 40), (30, 30), (50, 40)])
def test_a_caller_that_cancels_pays_for_what_it_has_read(counts: int | None, paid: int) -> None:
    job = Play(body=BODY, cost_max=Micros(500), worker="a").granted().running("a")
    job.sealed("a", PIECE).sealed("a", PIECE).do(befell.CallerLeft())
    if counts is not None:
        job.do(caller_counted(counts))

    job.finished("a", "cancelled", answer=40).settled()

    assert (job.end.ending, job.end.cost) == ("cancelled", 10 + paid * 2)
    assert job.paid()["user:owner of a"] == (10 + paid * 2) * 80 // 100


def test_a_worker_that_fails_in_mid_answer_is_paid_by_the_fund_for_what_was_read() -> None:
    job = Play(body=BODY, cost_max=Micros(500), worker="a").granted().running("a")
    job.sealed("a", PIECE).do(caller_counted(7))

    job.finished("a", "preempted", answer=9).settled()

    assert job.end.cost == 0
    assert job.paid()["user:owner of a"] == (10 + 7 * 2) * 80 // 100


def test_a_cancelled_answer_of_which_neither_end_says_anything_costs_nothing() -> None:
    job = Play(body=BODY, cost_max=Micros(500), worker="a").granted().running("a")
    job.sealed("a", PIECE).do(befell.CallerLeft())

    job.do(befell.WorkerGone(worker="a")).settled()

    assert job.end.cost == 0


def test_what_its_prompt_may_be_is_on_the_disk_for_a_host_that_dies() -> None:
    (record,) = play().wanted(Record)

    assert record.prompt_tokens == prompt_bound(len(BODY.ciphertext))


def test_nobody_else_can_go_on_with_it() -> None:
    job = Play(body=BODY, cost_max=Micros(500), worker="a").granted().running("a").sealed("a")

    job.do(befell.WorkerGone(worker="a")).settled()

    assert len(job.offers) == 1
    assert job.job.phase in ("voided", "lost", "settled") and job.end.kind
