"""What holds of every settlement, also of contradictory attempts."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.base.units import Micros
from app.core.ledger.accounts import FEES, FUND, ROUNDING, user
from app.core.ledger.settlement import settle
from app.core.ledger.work import Attempt, End, Job, Reported
from tests.core.ledger.jobs import (
    ANNA,
    BEN,
    COUNTS,
    ENDS,
    HELD,
    PAYER,
    any_attempts,
    any_jobs,
    earned,
    fund,
    honest,
    honest_attempts,
    job,
    sums,
    vanished,
)

HOLDS = st.integers(0, 2_000).map(Micros) | st.just(HELD)


@given(any_jobs(), any_attempts(), ENDS, HOLDS)
def test_postings_sum_to_zero_and_nobody_pays_more_than_was_held(
    agreed: Job, attempts: tuple[Attempt, ...], end: End, held: Micros
) -> None:
    settlement = settle(agreed, attempts, end, held=held)

    found = sums(settlement)
    assert sum(found.values()) == 0
    assert found.get(user(PAYER), 0) == -settlement.charge
    assert 0 <= settlement.charge <= held
    assert all(
        amount >= 0 for account, amount in found.items() if account not in (FUND, user(PAYER))
    )
    assert 0 <= found.get(ROUNDING, 0) <= len(attempts) + 2


@given(any_jobs(), any_attempts(), ENDS, HOLDS)
def test_no_token_of_an_answer_is_paid_twice(
    agreed: Job, attempts: tuple[Attempt, ...], end: End, held: Micros
) -> None:
    delivered = {t for a in attempts for t in range(a.first, a.end)}

    settlement = settle(agreed, attempts, end, held=held)

    beyond = agreed.undelivered_max if end is End.CANCELLED else 0
    assert settlement.answer_tokens <= len(delivered) + beyond
    assert sum(line.prompt > 0 for line in settlement.lines) <= 1
    if agreed.prompt is not None:
        assert settlement.prompt_tokens <= agreed.prompt


@given(any_jobs(), any_attempts(), ENDS, HOLDS)
def test_without_work_nobody_is_charged_and_nobody_earns(
    agreed: Job, attempts: tuple[Attempt, ...], end: End, held: Micros
) -> None:
    idle = tuple(Attempt(number=a.number, worker=a.worker, reported=a.reported) for a in attempts)
    text = Job(payer=PAYER, prices=agreed.prices, shares=agreed.shares, prompt=agreed.prompt)

    settlement = settle(text, idle, end, held=held)

    assert settlement.charge == 0 and not settlement.postings


@given(honest_attempts(), st.sampled_from(sorted(set(End) - {End.UNKNOWN, End.LATE}, key=str)))
def test_delivered_work_is_paid_whatever_became_of_the_job(
    attempts: tuple[Attempt, ...], end: End
) -> None:
    settlement = settle(job(), attempts, end, held=HELD)

    for worker in (ANNA, BEN):
        mine = [a for a in attempts if a.worker == worker]
        assert earned(settlement, worker) >= sum((a.end - a.first) * 4 * 80 // 100 for a in mine)


@given(honest_attempts(), st.data())
def test_a_bill_is_the_same_however_many_workers_had_a_part(
    attempts: tuple[Attempt, ...], data: st.DataObject
) -> None:
    tokens = attempts[-1].end + data.draw(st.integers(1, 50))
    made = data.draw(st.sampled_from([honest, vanished]))
    last = made(len(attempts), BEN, attempts[-1].end, tokens)

    in_parts = settle(job(), (*attempts, last), End.COMPLETED, held=HELD)
    in_one = settle(job(), (honest(0, ANNA, 0, tokens),), End.COMPLETED, held=HELD)

    assert in_parts.charge == in_one.charge
    assert sums(in_parts)[FEES] == sums(in_one)[FEES]


@given(any_jobs(), any_attempts(), ENDS, st.data())
def test_a_worker_that_reports_more_never_gains_over_what_the_host_counted(
    agreed: Job, attempts: tuple[Attempt, ...], end: End, data: st.DataObject
) -> None:
    agreed = Job(payer=PAYER, prices=agreed.prices, shares=agreed.shares, prompt=data.draw(COUNTS))
    counted = data.draw(COUNTS)
    true = Reported(prompt=agreed.prompt or 0, answer=counted + agreed.undelivered_max)
    false = Reported(prompt=true.prompt + data.draw(COUNTS), answer=true.answer + data.draw(COUNTS))

    honestly, falsely = (
        settle(
            agreed,
            (*attempts, honest(9, ANNA, 1000, 2000, counted=counted, reported=said)),
            end,
            held=HELD,
        )
        for said in (true, false)
    )

    assert falsely == honestly


@given(honest_attempts())
def test_what_is_computed_again_is_the_funds_and_never_the_users(
    attempts: tuple[Attempt, ...],
) -> None:
    settlement = settle(job(), attempts, End.COMPLETED, held=HELD)

    paid = sum(line.prompt + line.answer * 4 for line in settlement.lines)
    again = sum(line.from_fund for line in settlement.lines)
    assert settlement.charge == paid
    assert fund(settlement) == paid * 5 // 100 - again
    assert all(line.from_fund == line.again * 80 // 100 for line in settlement.lines)


@given(any_jobs(), any_attempts(), ENDS, HOLDS)
def test_ones_own_devices_neither_earn_nor_cost(
    agreed: Job, attempts: tuple[Attempt, ...], end: End, held: Micros
) -> None:
    own = tuple(
        Attempt(number=a.number, worker=PAYER, first=a.first, end=a.end, reported=a.reported)
        for a in attempts
    )

    assert not settle(agreed, own, end, held=held).postings


@given(any_jobs(), any_attempts(), ENDS, HOLDS)
def test_who_pays_machines_of_ones_own_second_account_ends_up_with_less(
    agreed: Job, attempts: tuple[Attempt, ...], end: End, held: Micros
) -> None:
    settlement = settle(agreed, attempts, end, held=held)

    found = sums(settlement)
    both = sum(found.get(user(name), 0) for name in (PAYER, ANNA, BEN))
    insured = sum(line.from_fund for line in settlement.lines)
    uncovered = max(0, sum(line.earned for line in settlement.lines) - insured - held)
    assert both <= insured + uncovered, "from one pocket into the other, less the fee"


@given(any_jobs(), any_attempts(), HOLDS)
def test_a_late_claim_takes_nothing_from_the_fund(
    agreed: Job, attempts: tuple[Attempt, ...], held: Micros
) -> None:
    settlement = settle(agreed, attempts, End.LATE, held=held)

    assert fund(settlement) >= 0
    assert sum(line.earned for line in settlement.lines) <= held
