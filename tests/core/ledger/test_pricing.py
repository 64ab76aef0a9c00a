"""Prices: rounded once, and what is held is always enough."""

from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.base.units import Micros
from app.core.ledger.pricing import MILLION, Prices, quote, rounded
from tests.core.ledger.jobs import COUNTS, prices


def test_halves_of_a_micro_are_rounded_to_the_even_one() -> None:
    assert [rounded(exact) for exact in (500_000, 1_500_000, 2_500_000, 2_500_001)] == [0, 2, 2, 3]


def test_a_tiny_request_costs_its_true_price_and_not_a_whole_micro() -> None:
    cheap = Prices(input=Micros(400_000), cached_input=Micros(0), output=Micros(0))

    assert [cheap.cost(prompt=n) for n in (1, 2, 5, 1_000)] == [0, 1, 2, 400]


@given(prices(), st.lists(COUNTS, min_size=1, max_size=50))
def test_who_cuts_a_request_into_tiny_ones_saves_less_than_half_a_micro_with_each(
    each: Prices, answers: list[int]
) -> None:
    tiny = sum(each.cost(answer=answer) for answer in answers)

    saved = each.exactly(answer=sum(answers)) - tiny * MILLION

    assert abs(saved) * 2 <= len(answers) * MILLION


def test_requests_of_all_sizes_are_rounded_up_as_often_as_down() -> None:
    dear = Prices(input=Micros(100_000), cached_input=Micros(0), output=Micros(410_000))
    sizes = [(prompt, answer) for prompt in range(100) for answer in range(100)]

    paid = sum(dear.cost(prompt=prompt, answer=answer) for prompt, answer in sizes)
    exact = sum(dear.exactly(prompt=prompt, answer=answer) for prompt, answer in sizes)

    assert abs(paid * MILLION - exact) <= 10 * MILLION, "of ten thousand, not five"


@given(prices(), COUNTS, st.lists(COUNTS), st.data())
def test_holds_in_windows_cover_whatever_is_charged_in_the_end(
    each: Prices, prompt: int, windows: list[int], data: st.DataObject
) -> None:
    cached = data.draw(st.integers(0, prompt))
    answer = data.draw(st.integers(0, sum(windows)))

    held = each.to_hold(prompt=prompt) + sum(each.to_hold(answer=window) for window in windows)

    assert each.cost(prompt=prompt, cached=cached, answer=answer) <= held


@given(prices(), COUNTS, COUNTS, st.data())
def test_a_quote_has_the_least_and_the_most_that_a_request_can_cost(
    each: Prices, prompt: int, answer_max: int, data: st.DataObject
) -> None:
    assume(each.input >= each.cached_input)
    cached, answer = data.draw(st.integers(0, prompt)), data.draw(st.integers(0, answer_max))

    quoted = quote(each, prompt=prompt, answer_max=answer_max)

    assert quoted.least <= each.cost(prompt=prompt, cached=cached, answer=answer) <= quoted.most
