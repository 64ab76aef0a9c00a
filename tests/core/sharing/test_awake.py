"""Laws of staying awake: while there is business, never on battery, never for long after."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sharing.awake import (
    BEGIN_SECONDS,
    LINGER_SECONDS,
    Business,
    KeepAwake,
    is_kept_awake,
)
from app.core.sharing.facts import Unknown

UNKNOWN = Unknown(why="nobody tells")


def kept(
    wish: KeepAwake,
    business: Business,
    now: float,
    *,
    is_lending: bool = False,
    on_battery: bool | Unknown = False,
) -> bool:
    return is_kept_awake(wish, business, is_lending=is_lending, on_battery=on_battery, now=now)


@pytest.mark.parametrize(
    ("wish", "asked", "lent", "battery", "is_kept"),
    [
        ("serving", True, False, False, True),
        ("serving", True, False, UNKNOWN, True),
        ("serving", True, False, True, False),
        ("serving", False, True, False, False),
        ("lending", False, True, False, True),
        ("lending", True, False, False, True),
        ("lending", False, True, True, False),
        ("lending", False, False, False, False),
        ("never", True, True, False, False),
    ],
)
def test_the_owners_wish_decides_and_the_battery_before_it(
    wish: KeepAwake, asked: bool, lent: bool, battery: bool | Unknown, is_kept: bool
) -> None:
    business = Business(0.0, 100.0) if asked else Business()

    assert kept(wish, business, 100.0, is_lending=lent, on_battery=battery) is is_kept


def test_an_answer_keeps_awake_a_little_after_it_began_and_until_a_while_after_it_ended() -> None:
    begun = Business().after(1, 10.0)

    assert not kept("serving", begun, 10.0)
    assert kept("serving", begun.after(1, 10.0 + BEGIN_SECONDS), 10.0 + BEGIN_SECONDS)
    last = 10.0 + 3 * BEGIN_SECONDS
    ended = begun.after(1, last).after(0, last + LINGER_SECONDS - 1)
    assert kept("serving", ended, last + LINGER_SECONDS - 1)
    over = ended.after(0, last + LINGER_SECONDS)
    assert not kept("serving", over, last + LINGER_SECONDS)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 200)), max_size=30))
def test_nobody_is_kept_awake_longer_than_the_while_after_the_last_request(
    steps: list[tuple[int, float]],
) -> None:
    business, now, last = Business(), 0.0, None
    for requests, seconds in steps:
        now += seconds
        business = business.after(requests, now)
        last = now if requests else last
        if kept("serving", business, now):
            assert last is not None
            assert now < last + LINGER_SECONDS


@given(st.integers(1, 200), st.floats(0.1, LINGER_SECONDS - 1))
def test_short_requests_that_follow_each_other_keep_awake_as_a_long_one_does(
    count: int, gap: float
) -> None:
    business, now = Business(), 0.0
    for _ in range(count):
        business = business.after(1, now).after(0, now)
        now += gap
    business = business.after(0, now)

    assert kept("serving", business, now) is (now >= BEGIN_SECONDS)
