"""Wishes of the way a request goes: read strictly, told with the field."""

import pytest

from app.core.base.errors import RequestError
from app.core.base.units import Micros
from app.core.pool.wishes import (
    CIRCLES,
    RouteWishes,
    is_within,
    wishes_of_provider,
    wishes_of_words,
    words_of_wishes,
)

SHA256 = "AB" * 32

ALL = {
    "sort": "price",
    "max_price": {"input": 5, "output": 7},
    "trust": "friends",
    "sha256": f"sha256:{SHA256}",
    "quantisation_min": "q4_k_m",
    "region": "EU",
}


def test_every_wish_is_read() -> None:
    assert wishes_of_provider(ALL) == RouteWishes(
        sort="price",
        input_price_max=Micros(5),
        output_price_max=Micros(7),
        trust="friends",
        sha256=SHA256.lower(),
        quantisation_min="Q4_K_M",
        region="eu",
    )


def test_nothing_wished_is_the_default() -> None:
    assert wishes_of_provider({}) == RouteWishes() == wishes_of_words({})


def test_wishes_come_back_from_their_words() -> None:
    wishes = wishes_of_provider(ALL)

    assert wishes_of_words(words_of_wishes(wishes)) == wishes
    assert words_of_wishes(RouteWishes()) == {}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sort": "luck"}, "sort"),
        ({"sort": 3}, "sort"),
        ({"trust": "nobody"}, "trust"),
        ({"sha256": "abc"}, "sha256"),
        ({"sha256": "zz" * 32}, "sha256"),
        ({"quantisation_min": "Q99"}, "quantisation_min"),
        ({"max_price": 3}, "max_price"),
        ({"max_price": {"input": -1}}, "max_price.input"),
        ({"max_price": {"output": 1.5}}, "max_price.output"),
        ({"max_price": {"output": True}}, "max_price.output"),
        ({"max_price": {"cached": 1}}, "max_price"),
        ({"region": "x" * 99}, "region"),
        ({"order": ["a"]}, "order"),
    ],
)
def test_a_wrong_wish_names_its_field(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        wishes_of_provider(wrong)

    assert caught.value.field == f"provider.{field}"


def test_each_circle_contains_those_before_it() -> None:
    for place, circle in enumerate(CIRCLES):
        assert [is_within(one, circle) for one in CIRCLES] == [
            before <= place for before in range(len(CIRCLES))
        ]
