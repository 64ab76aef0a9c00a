"""When to look for a new version: once a day, at a time of its own, and in a quiet moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.release.schedule import (
    DAY_SECONDS,
    FETCH_RETRY_SECONDS_MAX,
    FIRST_SECONDS_MAX,
    FIRST_SECONDS_MIN,
    JITTER,
    RETRY_SECONDS,
    Hindrance,
    hindrance_of,
    next_fetch,
    next_look,
)
from app.core.sharing.facts import Facts, Unknown

NOW = 1_800_000_000.0
CHANCE = st.floats(0, 1)
UNKNOWN = Unknown(why="nobody tells")


@given(chance=CHANCE)
def test_two_looks_are_a_day_apart_more_or_less(chance: float) -> None:
    due = next_look(
        looked_at=NOW, failures=0, started_at=NOW - 10 * DAY_SECONDS, now=NOW, chance=chance
    )

    assert (1 - JITTER) * DAY_SECONDS <= due - NOW <= (1 + JITTER) * DAY_SECONDS


@given(chance=CHANCE, ago=st.none() | st.floats(0, 1e8))
def test_no_look_is_due_while_the_node_has_only_just_started(chance, ago) -> None:
    looked_at = None if ago is None else NOW - ago
    due = next_look(looked_at=looked_at, failures=0, started_at=NOW, now=NOW, chance=chance)

    assert due >= NOW + FIRST_SECONDS_MIN
    if ago is None:
        assert due <= NOW + FIRST_SECONDS_MAX


@given(chance=CHANCE, failures=st.integers(1, 1000))
def test_after_failures_the_waits_grow_and_end_at_a_day(chance: float, failures: int) -> None:
    def wait(count: int) -> float:
        return (
            next_look(looked_at=NOW, failures=count, started_at=NOW, now=NOW, chance=chance) - NOW
        )

    assert 0 < wait(failures) <= wait(failures + 1) <= DAY_SECONDS * (1 + JITTER)


@given(chance=CHANCE, failures=st.integers(1, 1000))
def test_after_fetches_that_failed_the_waits_double_and_end_at_days(
    chance: float, failures: int
) -> None:
    def wait(count: int) -> float:
        return next_fetch(failed_at=NOW, failures=count, now=NOW, chance=chance) - NOW

    longest = FETCH_RETRY_SECONDS_MAX * (1 + JITTER * chance)
    assert wait(1) >= RETRY_SECONDS
    assert wait(failures + 1) == pytest.approx(min(2 * wait(failures), longest))
    assert longest > 2 * DAY_SECONDS


def test_a_wrong_file_of_50_mb_is_moved_eight_times_in_its_first_week() -> None:
    at, tries = NOW, 0
    while at <= NOW + 7 * DAY_SECONDS:
        tries += 1
        at = next_fetch(failed_at=at, failures=tries, now=at, chance=0.5)

    assert tries == 8


@given(chance=CHANCE, ahead=st.floats(1, 1e9))
def test_a_file_that_never_failed_and_a_clock_set_back_wait_for_nothing(chance, ahead) -> None:
    assert next_fetch(failed_at=NOW - 1, failures=0, now=NOW, chance=chance) == NOW
    assert next_fetch(failed_at=NOW + ahead, failures=9, now=NOW, chance=chance) == NOW


@given(chance=CHANCE, ahead=st.floats(1, 1e9))
def test_a_clock_that_was_set_back_does_not_put_the_look_off(chance: float, ahead: float) -> None:
    due = next_look(looked_at=NOW + ahead, failures=0, started_at=NOW, now=NOW, chance=chance)

    assert due <= NOW + FIRST_SECONDS_MAX


@pytest.mark.parametrize("battery", [True, False, UNKNOWN])
@pytest.mark.parametrize("metered", [True, False, UNKNOWN])
@pytest.mark.parametrize("requests", [0, 1])
def test_an_answer_the_battery_and_a_metered_network_hinder_and_nothing_else(
    battery, metered, requests: int
) -> None:
    found = hindrance_of(Facts(on_battery=battery, is_metered=metered), requests=requests)

    if requests:
        assert found is Hindrance.ANSWERING
    elif battery is True:
        assert found is Hindrance.BATTERY
    elif metered is True:
        assert found is Hindrance.METERED
    else:
        assert found is None
