"""The money matrix, cell by cell: who pays and who earns at each end of a job.

100 tokens of prompt at 1 micro, tokens of answer at 4: 50 of them make 300, of which the worker
gets 240, the operator 45 and the fund 15.
"""

import pytest

from app.core.base.units import Micros
from app.core.ledger.accounts import FEES, FUND, ROUNDING, user
from app.core.ledger.settlement import settle
from app.core.ledger.work import Attempt, End, Reported
from tests.core.ledger.jobs import (
    ANNA,
    BEN,
    HELD,
    PAYER,
    earned,
    fund,
    honest,
    job,
    sums,
    vanished,
)


@pytest.mark.parametrize("end", [End.COMPLETED, End.LENGTH, End.CREDIT_EXHAUSTED])
def test_an_answer_is_paid_by_the_user_and_shared(end: End) -> None:
    settlement = settle(job(), (honest(0, ANNA, 0, 50),), end, held=HELD)

    assert sums(settlement) == {user(PAYER): -300, user(ANNA): 240, FEES: 45, FUND: 15}


def test_a_client_that_leaves_pays_the_prompt_and_what_was_delivered() -> None:
    settlement = settle(job(), (honest(0, ANNA, 0, 50),), End.CANCELLED, held=HELD)

    assert settlement.charge == 300


def test_a_client_that_leaves_pays_what_was_computed_until_the_worker_heard_of_it() -> None:
    late = honest(0, ANNA, 0, 50, undelivered=7, reported=Reported(prompt=100, answer=57))

    settlement = settle(job(), (late,), End.CANCELLED, held=HELD)

    assert settlement.charge == 300 + 7 * 4
    assert earned(settlement, ANNA) == (300 + 7 * 4) * 80 // 100


def test_a_client_that_leaves_pays_at_most_a_second_beyond_what_was_delivered() -> None:
    late = honest(0, ANNA, 0, 50, undelivered=900, reported=Reported(prompt=100, answer=950))

    settlement = settle(job(undelivered_max=20), (late,), End.CANCELLED, held=HELD)

    assert settlement.charge == 300 + 20 * 4


def test_what_a_worker_computed_after_the_client_left_is_paid_on_its_receipt_only() -> None:
    silent = vanished(0, ANNA, 0, 50)
    boasting = Attempt(number=0, worker=ANNA, end=50, counted=50, undelivered=20)

    assert (
        settle(job(), (boasting,), End.CANCELLED, held=HELD).charge
        == settle(job(), (silent,), End.CANCELLED, held=HELD).charge
    )


def test_a_client_that_leaves_after_the_prompt_was_computed_pays_the_prompt() -> None:
    settlement = settle(job(), (honest(0, ANNA, 0, 0),), End.CANCELLED, held=HELD)

    assert sums(settlement) == {user(PAYER): -100, user(ANNA): 80, FEES: 15, FUND: 5}


def test_a_client_that_leaves_before_the_prompt_was_computed_pays_nothing() -> None:
    early = honest(0, ANNA, 0, 0, is_prefilled=False)

    settlement = settle(job(), (early,), End.CANCELLED, held=HELD)

    assert settlement.charge == 0 and not settlement.postings


def test_a_prompt_that_only_a_worker_which_left_had_computed_costs_nothing() -> None:
    both = (honest(0, ANNA, 0, 0), honest(1, BEN, 0, 0, is_prefilled=False))

    settlement = settle(job(), both, End.CANCELLED, held=HELD)

    assert settlement.charge == 0 and not settlement.postings


def test_a_worker_that_hands_over_and_its_successor_are_each_paid_their_range() -> None:
    both = (honest(0, ANNA, 0, 30), honest(1, BEN, 30, 50))

    settlement = settle(job(), both, End.COMPLETED, held=HELD)

    assert settlement.charge == 300, "as much as without a seam"
    assert earned(settlement, ANNA) == (100 + 30 * 4) * 80 // 100
    computed_again = (100 + 30) * 80 // 100
    assert earned(settlement, BEN) == 20 * 4 * 80 // 100 + computed_again
    assert fund(settlement) == 15 - computed_again


def test_nobody_goes_on_after_a_worker_left_so_the_fund_pays_it_and_not_the_user() -> None:
    settlement = settle(job(), (honest(0, ANNA, 0, 50),), End.INTERRUPTED, held=HELD)

    assert sums(settlement) == {user(ANNA): 240, FUND: -240}


def test_when_nobody_goes_on_the_fund_pays_also_what_was_computed_again() -> None:
    both = (honest(0, ANNA, 0, 30), honest(1, BEN, 30, 50))

    settlement = settle(job(), both, End.INTERRUPTED, held=HELD)

    assert earned(settlement, ANNA) == (100 + 30 * 4) * 80 // 100
    assert earned(settlement, BEN) == 20 * 4 * 80 // 100 + (100 + 30) * 80 // 100
    assert settlement.charge == 0


def test_a_user_who_takes_part_answers_pays_for_one() -> None:
    settlement = settle(
        job(accepts_partial=True), (honest(0, ANNA, 0, 50),), End.INTERRUPTED, held=HELD
    )

    assert sums(settlement) == {user(PAYER): -300, user(ANNA): 240, FEES: 45, FUND: 15}


def test_a_worker_that_was_lost_is_paid_what_it_delivered_and_its_successor_the_prompt() -> None:
    both = (vanished(0, ANNA, 0, 30), honest(1, BEN, 30, 50))

    settlement = settle(job(), both, End.COMPLETED, held=HELD)

    assert settlement.charge == 300
    assert earned(settlement, ANNA) == 30 * 4 * 80 // 100
    assert earned(settlement, BEN) == (100 + 20 * 4) * 80 // 100 + 30 * 80 // 100


@pytest.mark.parametrize("end", [End.COMPLETED, End.LENGTH])
def test_a_worker_lost_after_its_last_word_is_paid_as_with_its_receipt(end: End) -> None:
    settlement = settle(job(), (vanished(0, ANNA, 0, 50),), end, held=HELD)

    assert settlement == settle(job(), (honest(0, ANNA, 0, 50),), end, held=HELD)


def test_what_a_lost_worker_had_in_its_cache_has_its_own_price_without_a_receipt() -> None:
    settlement = settle(
        job(), (vanished(0, ANNA, 0, 50, told_cached=90),), End.COMPLETED, held=HELD
    )

    assert settlement.charge == 10 + 90 // 10 + 50 * 4


def test_a_prompt_of_which_a_lost_worker_told_nothing_is_not_paid() -> None:
    silent = vanished(0, ANNA, 0, 50, told_cached=None)

    settlement = settle(job(), (silent,), End.COMPLETED, held=HELD)

    assert settlement.charge == 50 * 4


def test_a_lost_worker_that_nobody_followed_is_paid_by_the_fund() -> None:
    settlement = settle(job(), (vanished(0, ANNA, 0, 50),), End.INTERRUPTED, held=HELD)

    assert sums(settlement) == {user(ANNA): 160, FUND: -160}


def test_a_lost_worker_that_nobody_followed_is_paid_by_a_user_who_takes_part_answers() -> None:
    settlement = settle(
        job(accepts_partial=True), (vanished(0, ANNA, 0, 50),), End.INTERRUPTED, held=HELD
    )

    assert settlement.charge == 200, "what was delivered; nobody has a claim to the prompt"


def test_an_error_before_a_token_costs_and_earns_nothing() -> None:
    failed = Attempt(number=0, worker=ANNA, is_prefilled=True)

    settlement = settle(job(), (failed,), End.UNANSWERED, held=HELD)

    assert settlement.charge == 0 and not settlement.postings


def test_a_worker_that_failed_before_a_token_leaves_the_whole_bill_to_the_next() -> None:
    both = (Attempt(number=0, worker=ANNA), honest(1, BEN, 0, 50))

    settlement = settle(job(), both, End.COMPLETED, held=HELD)

    assert sums(settlement) == {user(PAYER): -300, user(BEN): 240, FEES: 45, FUND: 15}


@pytest.mark.parametrize("end", [End.COMPLETED, End.LENGTH, End.CREDIT_EXHAUSTED, End.LATE])
def test_an_empty_answer_costs_and_earns_nothing(end: End) -> None:
    settlement = settle(job(), (honest(0, ANNA, 0, 0),), end, held=HELD)

    assert settlement.charge == 0 and not settlement.postings


def test_of_a_job_of_which_the_host_knows_no_more_nothing_is_charged() -> None:
    settlement = settle(job(), (honest(0, ANNA, 0, 50),), End.UNKNOWN, held=HELD)

    assert settlement.charge == 0 and not settlement.postings


def test_a_late_receipt_is_paid_by_the_counts_in_it() -> None:
    late = honest(0, ANNA, 0, 50, counted=None)

    settlement = settle(job(prompt=None), (late,), End.LATE, held=HELD)

    assert sums(settlement) == {user(PAYER): -300, user(ANNA): 240, FEES: 45, FUND: 15}


def test_a_late_receipt_claims_at_most_what_was_held() -> None:
    late = honest(0, ANNA, 0, 50, counted=None)

    settlement = settle(job(prompt=None), (late,), End.LATE, held=Micros(200))

    assert sums(settlement) == {user(PAYER): -200, user(ANNA): 160, FEES: 30, FUND: 10}


def test_embeddings_are_paid_by_their_prompt() -> None:
    settlement = settle(job(is_embedding=True), (honest(0, ANNA, 0, 0),), End.COMPLETED, held=HELD)

    assert sums(settlement) == {user(PAYER): -100, user(ANNA): 80, FEES: 15, FUND: 5}


def test_embeddings_that_were_delivered_are_paid_without_a_receipt() -> None:
    settlement = settle(
        job(is_embedding=True), (vanished(0, ANNA, 0, 0),), End.COMPLETED, held=HELD
    )

    assert (settlement.charge, earned(settlement, ANNA)) == (100, 80)


def test_cached_tokens_of_a_prompt_have_their_own_price() -> None:
    cached = honest(0, ANNA, 0, 50, reported=Reported(prompt=100, cached=90, answer=50))

    settlement = settle(job(), (cached,), End.COMPLETED, held=HELD)

    assert settlement.charge == 10 + 90 // 10 + 200
    assert settlement.cached_tokens == 90


def test_a_device_of_ones_own_is_free() -> None:
    settlement = settle(job(), (honest(0, PAYER, 0, 50),), End.COMPLETED, held=HELD)

    assert settlement.charge == 0 and not settlement.postings


def test_a_stranger_who_goes_on_after_ones_own_device_is_paid_its_part() -> None:
    both = (honest(0, PAYER, 0, 30), honest(1, BEN, 30, 50))

    settlement = settle(job(), both, End.COMPLETED, held=HELD)

    assert settlement.charge == 100 + 20 * 4, "the prompt once, to the first who is paid"


@pytest.mark.parametrize("claimed", [51, 5_000])
def test_a_worker_that_reports_more_than_was_counted_is_paid_what_was_counted(claimed: int) -> None:
    liar = honest(0, ANNA, 0, 50, reported=Reported(prompt=claimed * 2, answer=claimed))

    assert settle(job(), (liar,), End.COMPLETED, held=HELD).charge == 300


def test_a_worker_that_reports_less_than_was_counted_is_paid_what_it_reports() -> None:
    modest = honest(0, ANNA, 0, 50, reported=Reported(prompt=90, answer=40))

    assert settle(job(), (modest,), End.COMPLETED, held=HELD).charge == 90 + 40 * 4


def test_tokens_that_two_workers_claim_are_paid_to_the_first() -> None:
    both = (honest(0, ANNA, 0, 50), honest(1, BEN, 20, 60))

    settlement = settle(job(), both, End.COMPLETED, held=HELD)

    assert [line.answer for line in settlement.lines] == [50, 10]
    assert settlement.charge == 100 + 60 * 4


def test_tokens_that_were_claimed_once_stay_claimed_whoever_comes_later() -> None:
    three = (honest(0, ANNA, 0, 50), honest(1, BEN, 0, 10), honest(2, BEN, 10, 50))

    settlement = settle(job(), three, End.COMPLETED, held=HELD)

    assert [line.answer for line in settlement.lines] == [50, 0, 0]


def test_what_a_hold_does_not_cover_is_paid_by_the_fund() -> None:
    settlement = settle(job(), (honest(0, ANNA, 0, 50),), End.COMPLETED, held=Micros(250))

    assert sums(settlement) == {user(PAYER): -250, user(ANNA): 240, FEES: 45, FUND: 15 - 50}


def test_fractions_of_shares_go_to_the_rounding_account() -> None:
    tokens = honest(0, ANNA, 0, 3, reported=Reported(prompt=1, answer=3))

    settlement = settle(job(), (tokens,), End.COMPLETED, held=HELD)

    assert settlement.charge == 13
    assert sums(settlement) == {user(PAYER): -13, user(ANNA): 10, FEES: 1, ROUNDING: 2}


def test_a_word_cut_by_a_failover_costs_what_it_would_have_cost_whole() -> None:
    whole = settle(job(), (honest(0, ANNA, 0, 60, counted=60),), End.COMPLETED, held=HELD)

    cut = settle(
        job(),
        (honest(0, ANNA, 0, 10, counted=9, reported=None), honest(1, BEN, 10, 60, counted=51)),
        End.COMPLETED,
        held=HELD,
    )

    assert cut.charge == whole.charge
    assert [line.answer for line in cut.lines] == [10, 50]


def test_no_more_than_a_word_is_given_back_at_a_seam() -> None:
    padded = (honest(0, ANNA, 0, 40, counted=10, reported=None), honest(1, BEN, 40, 60, counted=50))

    settlement = settle(job(), padded, End.COMPLETED, held=HELD)

    assert [line.answer for line in settlement.lines] == [14, 20]
