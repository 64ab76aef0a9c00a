"""Laws of taking jobs: the owner's rules, by a table and by chance."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.base.ids import JobId, ModelName, RequestId
from app.core.base.units import Micros
from app.core.pool.lending import Lending, Lent, Rejection, guest_slots, judge
from app.wire.engine import Generate, PromptText
from app.wire.pool import Circle, Offer, Sealed

SHA = "a" * 64
BODY = Generate(request=RequestId("r"), prompt=PromptText(text="hello"))
SEALED = Sealed(ephemeral_key=b"k", nonce=b"n", ciphertext=b"c")
CIRCLES = get_args(Circle)

OFFER = Offer(
    job=JobId("job"),
    attempt=0,
    sha256=SHA,
    body=BODY,
    first=0,
    prices=(Micros(10), Micros(5), Micros(20)),
    domain="payer",
    circle="anyone",
    deadline_seconds=30.0,
)
LENT = Lent(name=ModelName("small"), is_loaded=True, slots=2)
LENDING = Lending(action="lend", models={SHA: LENT}, guests=0, guests_max=4, circle="anyone")


def test_an_offer_within_all_rules_is_taken_by_its_model() -> None:
    assert judge(OFFER, LENDING) == LENT


@pytest.mark.parametrize(
    ("lending", "offer", "code"),
    [
        ({"action": "stop"}, {}, "not_lending"),
        ({"action": "finish"}, {}, "not_lending"),
        ({"earned_today": Micros(9), "earnings_cap": Micros(9)}, {}, "not_lending"),
        ({"circle": "friends"}, {"circle": "vetted"}, "circle"),
        ({"models": {}}, {}, "no_model"),
        ({"loads_models": False, "models": {SHA: replace(LENT, is_loaded=False)}}, {}, "no_model"),
        ({"price_floor": Micros(21)}, {}, "price"),
        ({}, {"body": SEALED}, "sealing"),
        ({"guests": 4}, {}, "no_slot"),
        ({"models": {SHA: replace(LENT, guests=2)}}, {}, "no_slot"),
    ],
)
def test_each_rule_of_the_owner_has_its_refusal(
    lending: dict[str, object], offer: dict[str, object], code: str
) -> None:
    found = judge(replace(OFFER, **offer), replace(LENDING, **lending), can_open=False)

    assert isinstance(found, Rejection)
    assert found.code == code


@pytest.mark.parametrize(
    ("lending", "offer"),
    [
        ({"earned_today": Micros(9)}, {}),
        ({"circle": "friends"}, {"circle": "own"}),
        ({"price_floor": Micros(21)}, {"circle": "own"}),
        ({"models": {SHA: replace(LENT, is_loaded=False)}}, {}),
        ({}, {"body": SEALED}),
    ],
)
def test_what_the_rules_do_not_forbid_is_taken(
    lending: dict[str, object], offer: dict[str, object]
) -> None:
    assert isinstance(judge(replace(OFFER, **offer), replace(LENDING, **lending)), Lent)


@given(
    action=st.sampled_from(["lend", "finish", "stop"]),
    guests=st.integers(0, 6),
    mine=st.sampled_from(CIRCLES),
    theirs=st.sampled_from(CIRCLES),
    floor=st.integers(0, 40),
    earned=st.integers(0, 20),
    cap=st.integers(0, 20),
)
def test_no_job_is_taken_against_a_rule(  # noqa: PLR0917  # a rule each
    action: str, guests: int, mine: Circle, theirs: Circle, floor: int, earned: int, cap: int
) -> None:
    lending = replace(
        LENDING,
        action=action,
        guests=guests,
        circle=mine,
        price_floor=Micros(floor),
        earned_today=Micros(earned),
        earnings_cap=Micros(cap),
    )

    if isinstance(judge(replace(OFFER, circle=theirs), lending), Lent):
        assert action == "lend"
        assert guests < lending.guests_max
        assert CIRCLES.index(theirs) <= CIRCLES.index(mine)
        assert theirs == "own" or OFFER.prices[2] >= floor
        assert cap == 0 or earned < cap


@pytest.mark.parametrize(
    ("sequences", "percent", "slots"),
    [(16, 50, 8), (1, 50, 1), (3, 50, 1), (16, 0, 0), (4, 100, 4)],
)
def test_guests_get_their_share_of_slots_and_one_at_least(
    sequences: int, percent: int, slots: int
) -> None:
    assert guest_slots(sequences, percent) == slots
