"""Standing: breakers for what fails, strikes for what no honest worker does."""

import math
from typing import get_args

import pytest

from app.core.pool.abuse import Kind
from app.core.pool.jobs.effects import ObserveCount
from app.core.pool.standing import WORDS, Standing
from tests.core.pool.choosing import Pool, find, offering, seen
from tests.core.pool.jobs.play import SHA256, START


def failed(worker: str = "a"):
    return seen(worker, end="failed", why="engine_failed", tokens=0)


def counted(delivered: int, reported: int | None = None, differs: str = ""):
    return ObserveCount(
        worker="a",
        sha256=SHA256,
        differs=differs,
        delivered=delivered,
        reported=reported,
    )


def test_after_three_failures_in_a_row_a_machine_gets_no_more_of_that_model() -> None:
    pool = Pool(offering("a"))
    pool.observe(failed(), times=2)
    assert pool.worker(find()) == "a"

    pool.observe(failed())

    assert pool.decide(find()).skipped == {"a": "breaker"}


def test_a_success_in_between_begins_the_row_anew() -> None:
    pool = Pool(offering("a"))
    pool.observe(failed(), times=2)
    pool.observe(seen("a"))
    pool.observe(failed(), times=2)

    assert pool.worker(find()) == "a"


def test_a_breaker_lets_one_probe_through_and_closes_by_its_success() -> None:
    pool = Pool(offering("a"))
    pool.observe(failed(), times=3)
    pool.wait(15.0)
    assert pool.worker(find()) == "a"

    pool.standing.placed("a", SHA256)
    assert pool.worker(find()) == ""
    pool.observe(seen("a"))

    assert pool.worker(find()) == "a"


def test_a_probe_that_fails_opens_the_breaker_for_twice_as_long() -> None:
    pool = Pool(offering("a"))
    pool.observe(failed(), times=3)
    pool.wait(15.0)
    pool.standing.placed("a", SHA256)
    pool.observe(failed())

    pool.wait(29.0)
    assert pool.worker(find()) == ""
    pool.wait(1.0)
    assert pool.worker(find()) == "a"


def test_a_machine_that_says_it_lends_and_answers_no_offer_is_soon_left_alone() -> None:
    pool = Pool(offering("dead", is_lending=True), offering("alive", is_loaded=False))
    asked = []
    for number in range(50):
        worker = pool.worker(find(f"j{number}"))
        asked.append(worker)
        end = {"end": "stalled", "why": "no_answer", "tokens": 0} if worker == "dead" else {}
        pool.observe(seen(worker, **end))

    assert asked == ["dead"] * 3 + ["alive"] * 47
    assert pool.standing.paused("dead", pool.now) == "", "it may just hang: no strike"


def test_a_machine_that_fails_every_job_is_asked_a_few_times_in_ten_minutes() -> None:
    pool = Pool(offering("a"))
    asked = 0
    for second in range(600):
        if pool.worker(find(f"j{second}")) == "a":
            asked += 1
            pool.standing.placed("a", SHA256)
            pool.observe(failed())
        pool.wait(1.0)

    assert asked <= 9, "three, and then one probe each after 15, 30, 60, 120 and 240 seconds"


@pytest.mark.parametrize("end", ["preempted", "rejected", "refused"])
def test_a_probe_that_proved_nothing_is_followed_by_another(end: str) -> None:
    pool = Pool(offering("a"))
    pool.observe(failed(), times=3)
    pool.wait(15.0)
    pool.standing.placed("a", SHA256)
    pool.observe(seen("a", end=end, tokens=0))

    pool.wait(2.0)

    assert pool.worker(find()) == "a"


def test_a_machine_that_rejects_is_asked_again_when_it_said() -> None:
    pool = Pool(offering("a"))
    pool.observe(seen("a", end="rejected", why="no_slot", tokens=0, retry_after_seconds=7.0))
    assert pool.decide(find()).skipped == {"a": "resting"}

    pool.wait(7.0)

    assert pool.worker(find()) == "a"


@pytest.mark.parametrize("wished", [math.inf, math.nan, -math.inf, 1e300, -1e18])
def test_whatever_time_a_machine_names_when_it_rejects_it_is_asked_again(wished: float) -> None:
    pool = Pool(offering("a"))
    pool.observe(seen("a", end="rejected", tokens=0, retry_after_seconds=wished))
    assert pool.decide(find()).skipped == {"a": "resting"}

    pool.wait(3600.0)

    assert pool.worker(find()) == "a"


@pytest.mark.parametrize("end", ["gone", "preempted", "rejected", "refused", "failed", "cancelled"])
def test_what_can_befall_an_honest_machine_is_no_strike(end: str) -> None:
    standing = Standing()
    for _ in range(100):
        standing.observe(seen("a", end=end, why="engine_failed"), START)

    assert standing.paused("a", START) == "" and standing.records() == {}


def test_a_machine_that_refuses_what_others_answer_is_left_alone_and_not_struck() -> None:
    pool = Pool(offering("a"))
    for _ in range(3):
        pool.standing.contradicted("a", SHA256, pool.now)

    assert pool.decide(find()).skipped == {"a": "breaker"}
    assert pool.standing.records() == {}


def test_faults_pause_a_machine_and_it_is_told_which() -> None:
    pool = Pool(offering("a"))
    pool.observe(seen("a", end="faulty", why="range"), times=3)

    reason = pool.standing.paused("a", pool.now)
    assert "3 x chunks that repeated" in reason and "an hour" in reason
    assert pool.decide(find()).skipped == {"a": "paused"}
    pool.wait(3600.0)
    assert pool.standing.paused("a", pool.now) == ""


def test_each_pause_is_longer_than_the_one_before() -> None:
    standing = Standing()
    for _ in range(2):
        standing.strike("a", "receipt", START)
    later = START + 3600 * 10**6
    for _ in range(2):
        standing.strike("a", "receipt", later)

    assert "2 hours" in standing.paused("a", later)


def test_strikes_fade() -> None:
    standing = Standing()
    day = 24 * 3600 * 10**6

    for number in range(10):
        standing.strike("a", "differs", START + number * 3 * day)

    assert standing.paused("a", START + 30 * day) == ""


def test_what_is_held_against_a_machine_is_named_until_it_faded_or_paused_it() -> None:
    standing = Standing()
    day = 24 * 3600 * 10**6
    assert standing.held_against("a", START) == {}

    standing.observe_count(counted(100, reported=150), START)
    standing.strike("a", "stalled", START)
    standing.strike("a", "stalled", START)

    held = standing.held_against("a", START)
    assert held == {WORDS["inflated"]: 1, WORDS["stalled"]: 2}
    assert standing.held_against("a", START + 2 * day) == held
    assert standing.held_against("a", START + 4 * day) == {}
    assert standing.held_against("b", START) == {}
    for _ in range(2):
        standing.strike("a", "differs", START)
    assert standing.paused("a", START)
    assert standing.held_against("a", START) == {}


def test_counts_above_what_was_delivered_are_strikes_and_small_differences_none() -> None:
    standing = Standing()
    for _ in range(50):
        standing.observe_count(counted(100, reported=102), START)
    assert standing.records() == {}

    for _ in range(4):
        standing.observe_count(counted(100, reported=150), START)

    assert "counts above" in standing.paused("a", START)


def test_a_text_that_its_tokens_do_not_say_is_a_strike() -> None:
    standing = Standing()
    for _ in range(6):
        standing.observe_count(counted(100, differs="parts"), START)

    assert "text is not what" in standing.paused("a", START)


def test_each_finding_is_told_in_words_of_its_own() -> None:
    standing = Standing()
    for kind in get_args(Kind):
        standing.strike("a", kind, START)

    assert set(standing.held_against("a", START)) == {WORDS[kind] for kind in get_args(Kind)}


def test_strikes_outlive_a_restart_and_end_when_the_operator_says_so() -> None:
    before, after = Standing(), Standing()
    for _ in range(2):
        before.strike("a", "receipt", START)

    after.restore(before.records())
    assert after.paused("a", START)
    after.forgive("a")

    assert after.paused("a", START) == ""
