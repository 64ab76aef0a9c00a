"""prices.toml: what a model costs, and what a bad file is told."""

import pytest

from app.core.base.units import Micros
from app.core.ledger.price_list import SHARES, PricesInvalid, parse_price_list
from app.core.ledger.pricing import Prices

A, B, C = "a" * 64, "b" * 64, "c" * 64
GOOD = f"""
[shares]
worker = 80
fee = 15
fund = 5

[[models]]
sha256 = "{A}"
name = "small"
active_parameters = 1_700_000_000

[[models]]
sha256 = "{B}"
name = "special"
prices = {{ input = 7, cached_input = 3, output = 11 }}

[[models]]
sha256 = "{C}"
name = "large"
active_parameters = 70_000_000_000

[[rules]]
active_parameters_max = 4_000_000_000
prices = {{ input = 20_000, cached_input = 5_000, output = 80_000 }}

[[rules]]
prices = {{ input = 100_000, cached_input = 20_000, output = 400_000 }}
"""


def test_a_model_with_prices_costs_those() -> None:
    assert parse_price_list(GOOD).prices_of(B) == Prices(
        input=Micros(7), cached_input=Micros(3), output=Micros(11)
    )


@pytest.mark.parametrize(("sha256", "output"), [(A, 80_000), (C, 400_000)])
def test_a_model_without_prices_costs_what_the_first_fitting_rule_says(
    sha256: str, output: int
) -> None:
    prices = parse_price_list(GOOD).prices_of(sha256)

    assert prices and prices.output == output


def test_a_model_that_is_not_listed_has_no_price() -> None:
    assert parse_price_list(GOOD).prices_of("d" * 64) is None


def test_an_empty_file_offers_nothing_and_has_the_usual_shares() -> None:
    empty = parse_price_list("")

    assert empty.models == () and empty.shares == SHARES


BAD = [
    ("[shares]\nworker = 80\nfee = 15\nfund = 6", "make 101 together"),
    ("[shares]\nworker = 120\nfee = -25\nfund = 5", "below 0"),
    ("[shares]\nworker = 80.5\nfee = 15\nfund = 5", "`int`, got `float` - at `$.shares.worker`"),
    ("[sharess]\n", "unknown field `sharess`"),
    (GOOD.replace(A, "A" * 64), "64 hexadecimal digits"),
    (GOOD.replace(A, B), "is there twice"),
    (GOOD.replace('"small"', '"large"'), "'large' is there twice"),
    (GOOD.replace("input = 7,", "input = -7,"), "prices.input is -7"),
    (GOOD.replace("input = 7,", "input = 1_000_000_000_001,"), "not between 0 and"),
    (GOOD.replace("cached_input = 3", "cached_input = 8"), "cached_input is above"),
    (GOOD.replace("active_parameters = 70_000_000_000", ""), "no rule fits"),
    (GOOD.replace("active_parameters_max = 4_000_000_000", ""), "never hold"),
    (GOOD.replace("[[rules]]\nprices", "[[rules]]\nactive_parameters_max = 9\nprices"), "above 4"),
    (GOOD.replace("[[models]]", "[[model]]", 1), "unknown field `model`"),
    (GOOD.replace("output = 11", "output = 11, audio = 5"), "unknown field `audio`"),
    ("[shares", "Expected ']'"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_bad_file_is_told_what_is_wrong_and_where(text: str, said: str) -> None:
    with pytest.raises(PricesInvalid) as caught:
        parse_price_list(text, "pool/prices.toml")

    assert said in caught.value.message
    assert all(line.startswith("pool/prices.toml: ") for line in caught.value.message.split("\n"))
    assert "docs/books.md" in caught.value.remedy


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = GOOD.replace("fund = 5", "fund = 6").replace("output = 11", "output = -11")

    with pytest.raises(PricesInvalid) as caught:
        parse_price_list(text)

    assert caught.value.message.count("\n") == 1
