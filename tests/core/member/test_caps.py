"""Laws of the owner's limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.units import Micros
from app.core.ledger.pricing import Prices, quote
from app.core.member.caps import MILLION, Caps, Spent, allowance, cost_most, missing

AMOUNT = st.integers(min_value=0, max_value=10_000)


def _caps(request: int, day: int, month: int) -> Caps:
    return Caps(request=Micros(request), day=Micros(day), month=Micros(month))


@pytest.mark.parametrize(
    ("spent", "left", "cap"),
    [
        ((0, 0, 0), 10, "request"),
        ((45, 45, 0), 5, "day"),
        ((0, 295, 0), 5, "month"),
        ((40, 40, 7), 3, "day"),
        ((50, 50, 0), 0, "day"),
        ((80, 80, 0), 0, "day"),
    ],
)
def test_the_tightest_cap_says_what_is_left(
    spent: tuple[int, int, int], left: int, cap: str
) -> None:
    day, month, reserved = (Micros(amount) for amount in spent)

    found = allowance(_caps(10, 50, 300), Spent(day=day, month=month, reserved=reserved))

    assert found == (left, cap)


@pytest.mark.parametrize(
    ("tokens", "allowed", "left", "available", "missed"),
    [
        ((10, 10), (True, True), 30, 30, ""),
        ((10, 10), (False, False), 30, 30, "spending"),
        ((95, 6), (True, False), 1000, 1000, "trust"),
        ((95, 6), (True, True), 1000, 1000, "context"),
        ((10, 10), (True, True), 29, 30, "cap"),
        ((10, 10), (True, True), 30, 29, "balance"),
    ],
)
def test_what_a_whole_answer_would_want_is_said_before_it_is_asked_for(
    tokens: tuple[int, int], allowed: tuple[bool, bool], left: int, available: int, missed: str
) -> None:
    prices = Prices(input=Micros(MILLION), cached_input=Micros(0), output=Micros(2 * MILLION))

    found = missing(
        quote(prices, prompt=tokens[0], answer_max=tokens[1]),
        context=100,
        is_spending=allowed[0],
        is_trusted=allowed[1],
        left=Micros(left),
        available=Micros(available),
    )

    assert found == missed


def test_a_cap_of_nothing_allows_nothing() -> None:
    assert allowance(_caps(0, 50, 300), Spent()).micros == 0


@given(
    caps=st.tuples(AMOUNT, AMOUNT, AMOUNT),
    wishes=st.lists(st.tuples(AMOUNT, st.integers(0, 100), st.booleans()), max_size=30),
)
def test_no_order_of_asking_and_settling_spends_more_than_a_cap(
    caps: tuple[int, int, int], wishes: list[tuple[int, int, bool]]
) -> None:
    limits = _caps(*caps)
    spent = 0
    held: list[tuple[int, int]] = []
    for wish, percent, settles in wishes:
        reserved = sum(most for most, _ in held)
        now = Spent(day=Micros(spent), month=Micros(spent), reserved=Micros(reserved))
        most = min(wish, allowance(limits, now).micros)
        held.append((most, most * percent // 100))
        if settles:
            spent += held.pop(0)[1]

        assert most <= limits.request
        assert spent + sum(most for most, _ in held) <= min(limits.day, limits.month)


@given(
    prices=st.tuples(*[st.integers(0, 10**9)] * 3),
    prompt=st.integers(0, 5000),
    cached=st.integers(0, 5000),
    answer=st.integers(0, 5000),
    limit=st.none() | st.integers(0, 5000),
)
def test_no_answer_within_the_context_costs_more_than_was_said_before(
    prices: tuple[int, int, int], prompt: int, cached: int, answer: int, limit: int | None
) -> None:
    context = 5000
    prompt = min(prompt, context)
    cached = min(cached, prompt)
    answer = min(answer, context if limit is None else limit)
    micros = (Micros(prices[0]), Micros(prices[1]), Micros(prices[2]))

    exact = ((prompt - cached) * prices[0] + cached * prices[1] + answer * prices[2]) / 1e6

    assert exact <= cost_most(micros, context=context, max_tokens=limit)
