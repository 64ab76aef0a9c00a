"""Money of a job: windows, the end of a balance, who pays for what at each end."""

import pytest

from app.core.base.units import Micros
from app.core.ledger.commands import Extend, Reserve, Void
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.effects import (
    Book,
    CancelAttempt,
    Countersign,
    FindWorker,
    ObserveCount,
    Record,
)
from app.core.pool.jobs.rules import JobRules
from app.core.pool.wishes import RouteWishes
from app.wire.engine import Delta, Embed, Ended, Generate, Said
from app.wire.pool import Chunk
from tests.core.pool.jobs.play import NAME, REQUEST, Play, body, embedding

PROMPT = 10
EACH = 2


def test_only_the_prompt_and_a_window_of_the_answer_are_held_at_first() -> None:
    command = Play().command()

    assert isinstance(command, Reserve)
    assert command.amount == PROMPT + 256 * EACH
    assert command.least == PROMPT + 16 * EACH


def test_no_more_is_held_than_the_answer_may_take() -> None:
    command = Play(body=body(max_tokens=5)).command()

    assert isinstance(command, Reserve)
    assert command.amount == PROMPT + 5 * EACH


def test_a_balance_that_is_too_short_is_told_with_the_numbers() -> None:
    job = Play().refused(available=7)

    assert (job.end.ending, job.end.kind) == ("unfunded", "credits_short")
    assert (job.end.needed, job.end.available) == (PROMPT + 16 * EACH, 7)
    assert job.job.phase == "voided" and not job.offers


def test_whoever_has_devices_of_its_own_needs_no_credits_for_them() -> None:
    job = Play(may_use_own=True).refused(available=0)

    assert job.searches[-1].is_free
    job.running("mine", circle="own").chunk("mine", [1], end="stop").finished("mine", answer=1)
    job.counted(0, 1)
    assert job.end.cost == 0 and job.end.ending == "completed"
    assert job.job.phase == "settled"


def test_nothing_is_held_for_a_request_to_own_devices_alone() -> None:
    job = Play(wishes=RouteWishes(trust="own"))

    assert not job.wanted(Book) and job.wanted(FindWorker)[0].is_free


def test_the_hold_grows_while_the_answer_does() -> None:
    job = Play().granted().running("a")
    job.chunk("a", list(range(127)))
    assert not [e for e in job.wanted(Book) if isinstance(e.command, Extend)]

    job.chunk("a", [1])

    command = job.command()
    assert isinstance(command, Extend)
    assert (command.amount, command.least) == (256 * EACH, EACH)


def test_the_stream_waits_for_the_books_and_loses_nothing() -> None:
    job = Play().granted(PROMPT + 16 * EACH).running("a")
    job.chunk("a", list(range(16)))

    job.chunk("a", [100, 101], first=16)
    assert job.told == list(range(16))
    job.granted()

    assert job.told == [*range(16), 100, 101]


def test_when_the_balance_ends_the_answer_ends_with_what_was_paid() -> None:
    job = Play().granted(PROMPT + 16 * EACH).running("a")
    job.chunk("a", list(range(16))).refused(available=1)
    job.chunk("a", [100], first=16)

    assert job.wanted(CancelAttempt)[-1].cancel.why == "credits"
    job.finished("a", "cancelled", answer=17).counted(0, 16).settled()
    assert (job.end.ending, job.end.answer_tokens, job.end.available) == (
        "credit_exhausted",
        16,
        1,
    )
    assert job.end.cost == PROMPT + 16 * EACH


def test_what_is_left_of_a_balance_is_held_though_it_is_no_whole_window() -> None:
    job = Play().granted(PROMPT + 16 * EACH).running("a")
    job.chunk("a", list(range(16))).granted(3 * EACH)

    job.chunk("a", [100, 101], first=16)

    assert job.told[-2:] == [100, 101]


def test_cost_max_is_never_passed() -> None:
    job = Play(cost_max=Micros(PROMPT + 20 * EACH)).granted().running("a")
    job.chunk("a", list(range(20))).chunk("a", [100], first=20)

    held = [e.command.amount for e in job.wanted(Book) if isinstance(e.command, Reserve | Extend)]
    assert held == [PROMPT + 20 * EACH]
    assert job.told == list(range(20))
    assert job.job.ending == "credit_exhausted"


def test_a_cost_max_below_the_beginning_is_told_before_anything_is_held() -> None:
    job = Play(cost_max=Micros(PROMPT))

    assert job.end.kind == "credits_short" and "cost_max" in job.end.message
    assert (job.end.needed, job.end.available) == (PROMPT + 16 * EACH, PROMPT)
    assert not job.wanted(Book)


def test_one_of_several_answers_leaves_the_others_what_they_need_to_begin() -> None:
    command = Play(answers=2).command()

    assert isinstance(command, Reserve)
    assert command.amount == command.least == PROMPT + 16 * EACH


def test_a_hold_is_renewed_before_its_time_is_over() -> None:
    job = Play(JobRules(hold_seconds=20.0, renew_seconds=10.0)).granted()
    job.running("a").do(befell.Tick(), after_seconds=9.0)
    assert isinstance(job.command(), Reserve)

    job.do(befell.Tick(), after_seconds=1.0)

    command = job.command()
    assert isinstance(command, Extend)
    assert (command.amount, command.timeout) == (0, 20_000_000)


def test_a_renewal_that_the_books_did_not_take_is_not_asked_for_without_end() -> None:
    job = Play(JobRules(hold_seconds=20.0, renew_seconds=10.0, accept_seconds=90.0)).granted()
    job.placed("a").recorded().do(befell.Tick(), after_seconds=10.0)

    job.do(befell.BooksFailed(command=job.command().id))

    assert job.job.armed_at is not None and job.job.armed_at > job.now


def test_a_caller_that_leaves_pays_what_it_got_and_a_second_more_at_most() -> None:
    job = Play().granted().running("a").chunk("a", [1, 2, 3]).do(befell.CallerLeft())
    assert job.wanted(CancelAttempt)[-1].cancel.why == "client"

    job.chunk("a", list(range(50)), first=3)
    job.finished("a", "cancelled", answer=53).counted(0, 3).settled()

    assert job.told == [1, 2, 3]
    assert job.end.cost == PROMPT + (3 + 20) * EACH  # the worker says 20 tokens a second


def test_a_caller_that_leaves_the_line_pays_nothing() -> None:
    job = Play().granted().do(befell.CallerLeft())

    assert isinstance(job.command(), Void)
    assert job.settled().end.cost == 0 and job.job.phase == "voided"


def test_a_caller_that_leaves_before_the_hold_is_there_leaves_no_hold_behind() -> None:
    job = Play().do(befell.CallerLeft()).granted()

    assert isinstance(job.command(), Void) and not job.searches


def test_an_answer_that_nobody_went_on_with_costs_nothing_and_its_worker_is_paid() -> None:
    job = Play().granted().running("a").chunk("a", [1] * 100).do(befell.WorkerGone(worker="a"))
    job.do(befell.Unplaceable(message="nobody")).counted(0, 100).settled()

    assert (job.end.ending, job.end.cost, job.end.kind) == ("interrupted", 0, "unserved")
    assert job.paid()["user:owner of a"] == 100 * EACH * 80 // 100
    assert job.job.phase == "lost"


def test_whoever_keeps_part_answers_pays_for_them() -> None:
    job = Play(accepts_partial=True).granted().running("a").chunk("a", [1] * 100)
    job.do(befell.WorkerGone(worker="a")).do(befell.Unplaceable(message="nobody"))
    job.counted(0, 100).settled()

    assert job.end.cost == 100 * EACH


def test_the_smallest_count_is_paid() -> None:
    job = Play().granted().running("a").chunk("a", [1] * 10, end="stop")
    job.finished("a", answer=30).counted(0, 7, prompt=9).settled()

    assert job.end.cost == 9 + 7 * EACH


@pytest.mark.parametrize(("said", "paid"), [("", 0), ("word", 4), ("many words " * 90, 500)])
def test_tokens_of_which_the_caller_saw_no_word_are_not_paid(said: str, paid: int) -> None:
    job = Play().granted().running("a").granted()
    parts = [Said(text=said)] if said else []
    hidden = [*range(500)]
    delta = Delta(request=REQUEST, choice=0, parts=parts, tokens=500, token_ids=hidden)
    ended = Ended(request=REQUEST, choice=0, reason="stop")
    job.heard("a", Chunk(job=NAME, attempt=0, first=0, tokens=hidden, events=[delta, ended]))
    while job.job.is_asking:
        job.granted()

    job.finished("a", answer=500).counted(0, 500, differs="parts").settled()

    assert job.end.cost == (PROMPT + paid * EACH if paid else 0)
    assert job.wanted(ObserveCount)[-1].differs == "parts", "and it is a strike"


def test_an_answer_of_no_tokens_costs_nothing() -> None:
    job = Play().granted().running("a").chunk("a", [], end="stop").finished("a").settled()

    assert (job.end.ending, job.end.cost) == ("completed", 0)


def test_the_end_tells_the_counts_that_are_paid_and_not_those_that_came() -> None:
    job = Play().granted().running("a").chunk("a", [1, 2, 3, 4, 5, 6], end="stop")
    job.finished("a", answer=5).counted(0, 4, prompt=9).settled()

    assert (job.end.prompt_tokens, job.end.answer_tokens, job.end.delivered_tokens) == (9, 4, 6)
    assert job.end.cost == 9 + 4 * EACH


def test_own_devices_are_counted_alike_and_cost_nothing() -> None:
    job = Play(may_use_own=True).refused(available=0).running("mine", circle="own")
    job.chunk("mine", [1, 2, 3], end="stop").finished("mine", answer=3).counted(0, 2)

    assert (job.end.prompt_tokens, job.end.answer_tokens, job.end.cost) == (PROMPT, 2, 0)


def test_what_own_devices_began_and_others_ended_is_counted_once() -> None:
    job = Play(may_use_own=True).granted().running("mine", circle="own")
    job.chunk("mine", [1, 2, 3]).finished("mine", "preempted", answer=3).counted(0, 3)
    job.running("a").chunk("a", [4, 5], end="stop").finished("a", answer=2).counted(1, 2).settled()

    assert (job.end.prompt_tokens, job.end.answer_tokens) == (PROMPT, 5)
    assert job.end.cost == PROMPT + 2 * EACH


def test_where_nothing_is_paid_nothing_is_counted() -> None:
    job = Play().granted().do(befell.CallerLeft()).settled()

    assert job.end.ending == "cancelled"
    assert (job.end.prompt_tokens, job.end.answer_tokens, job.end.cost) == (0, 0, 0)


def test_an_embedding_is_told_the_smaller_count_of_its_prompt() -> None:
    job = Play(body=embedding()).granted()
    job.running("a").embedded("a").finished("a", answer=0).counted(0, 0, prompt=7).settled()

    assert (job.end.prompt_tokens, job.end.cost) == (7, 7)


def test_the_prompt_is_all_that_an_embedding_costs() -> None:
    job = Play(body=embedding()).granted()
    job.running("a").embedded("a").finished("a", answer=0).counted(0, 0).settled()

    assert (job.end.ending, job.end.cost) == ("completed", PROMPT)


@pytest.mark.parametrize(("asked", "is_embedding"), [(embedding(), True), (body(), False)])
def test_that_the_prompt_is_all_the_work_is_on_the_disk_for_a_host_that_dies(
    asked: Embed | Generate, is_embedding: bool
) -> None:
    (record,) = Play(body=asked).granted().placed("a").wanted(Record)

    assert record.is_embedding is is_embedding


def test_every_receipt_is_signed_for_once_also_one_that_came_after_the_failover() -> None:
    job = Play().granted().running("a").chunk("a", [1]).do(befell.WorkerGone(worker="a"))
    job.running("b").chunk("b", [2]).do(befell.WorkerGone(worker="b")).running("c")
    job.finished("a", "failed", answer=1)
    job.chunk("c", [3], end="stop").finished("c", answer=1)
    for attempt in range(3):
        job.counted(attempt, 1)
    job.settled()

    assert [e.attempt.number for e in job.wanted(Countersign)] == [0, 2]


def test_a_receipt_that_comes_while_the_books_are_asked_is_signed_for_and_changes_no_sum() -> None:
    job = Play().granted().running("a").chunk("a", [1]).do(befell.WorkerGone(worker="a"))
    job.running("b").chunk("b", [2], end="stop").finished("b", answer=1)
    job.counted(0, 1).counted(1, 1)
    assert job.job.phase == "settling"
    paid = job.paid()

    job.finished("a", "failed", answer=1).settled()

    assert [e.attempt.number for e in job.wanted(Countersign)] == [0, 1]
    assert job.paid() == paid


def test_an_own_device_answers_to_the_end_whatever_is_left_on_the_account() -> None:
    job = Play().granted(PROMPT + 2).placed("a", circle="own").recorded().accepted("a")

    job.chunk("a", [1, 2, 3, 4, 5], end="stop").finished("a", answer=5).counted(0, 5).settled()

    assert job.told == [1, 2, 3, 4, 5]
    assert (job.end.ending, job.end.cost) == ("completed", 0)


def test_a_hold_pays_for_what_others_go_on_with_after_an_own_device() -> None:
    job = Play().granted(PROMPT + 2 * 2).placed("a", circle="own").recorded().accepted("a")
    job.chunk("a", [1, 2, 3]).do(befell.WorkerGone(worker="a")).running("b")

    job.chunk("b", [4, 5]).refused().chunk("b", [6])

    assert job.told == [1, 2, 3, 4, 5]
    assert job.job.phase == "stopping"
