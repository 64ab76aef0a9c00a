"""Laws of amounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.units import Micros
from app.core.member.credits import credits_text, credits_words, micros_of


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_an_amount_that_is_written_and_read_is_the_same_to_the_micro(micros: int) -> None:
    assert micros_of(credits_text(micros)) == micros


@pytest.mark.parametrize(
    ("text", "micros"), [("0", 0), ("1", 1_000_000), ("0.25", 250_000), ("12.000001", 12_000_001)]
)
def test_an_amount_means_what_a_person_would_say(text: str, micros: int) -> None:
    assert micros_of(text) == Micros(micros)


@pytest.mark.parametrize(
    "text", ["", "-1", "1e3", "01", "1.", ".5", "1.0000001", "nan", "1 ", "1.5\n", "\uff11"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        micros_of(text)


def test_words_are_as_short_as_the_amount_allows() -> None:
    assert credits_words(1_000_000) == "1 credit"
    assert credits_words(-2_500_000) == "-2.5 credits"
    assert credits_words(1) == "0.000001 credits"
