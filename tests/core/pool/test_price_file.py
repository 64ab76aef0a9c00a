"""Laws of writing prices.toml: it says what was put in, and the operator's own words stay."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.base.units import Micros
from app.core.ledger.price_list import PricedModel, parse_price_list
from app.core.ledger.pricing import Prices
from app.core.pool.price_file import usual_prices, with_model, without_model

OWN = """\
# my pool
[shares]
worker = 90   # generous
fee = 10
fund = 0

[[models]]
sha256 = "{a}"   # the small one
name = "small"
active_parameters = 1
prices = {{ input = 1, cached_input = 1, output = 1 }}

[[rules]]
# all others
prices = {{ input = 2, cached_input = 2, output = 2 }}
""".format(a="a" * 64)


def model(digit: str = "b", name: str = "big", price: int = 8) -> PricedModel:
    prices = Prices(input=Micros(price), cached_input=Micros(price // 2), output=Micros(price))
    return PricedModel(sha256=digit * 64, name=name, active_parameters=7, prices=prices)


def test_an_empty_file_becomes_a_price_list_with_the_model() -> None:
    found = parse_price_list(with_model("", model()))

    assert found.models == (model(),)
    assert found.shares.worker + found.shares.fee + found.shares.fund == 100


def test_a_model_is_added_behind_what_the_operator_wrote() -> None:
    text = with_model(OWN, model())

    assert text.startswith(OWN.rstrip())
    assert [each.name for each in parse_price_list(text).models] == ["small", "big"]


def test_a_model_that_is_there_gets_the_new_prices_and_stands_once() -> None:
    text = with_model(with_model(OWN, model()), model(price=40))

    assert parse_price_list(text).model("b" * 64) == model(price=40)
    assert text.count("b" * 64) == 1


def test_taking_a_model_out_leaves_all_else_as_it_was() -> None:
    assert without_model(with_model(OWN, model()), "b" * 64).rstrip() == OWN.rstrip()
    assert without_model(OWN, "c" * 64) == OWN
    rest = without_model(OWN, "a" * 64)
    assert "small" not in rest and "# my pool" in rest and "# all others" in rest
    assert parse_price_list(rest).models == ()


names = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=30).filter(
    str.strip
)


@given(names, st.integers(0, 10**9))
def test_any_name_is_read_back_as_it_was_given(name: str, price: int) -> None:
    wanted = model(name=name, price=price)

    assert parse_price_list(with_model("", wanted)).models == (wanted,)


@given(st.integers(0, 10**13))
def test_the_usual_prices_are_prices(active_parameters: int) -> None:
    prices = usual_prices(active_parameters)

    assert 0 <= prices.cached_input <= prices.input <= prices.output
