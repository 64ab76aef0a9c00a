"""Laws of the hours of the week."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sharing.hours import DAY_MINUTES, DAYS, WEEK_MINUTES, Hours, clock_words

minutes = st.integers(0, WEEK_MINUTES - 1)
times = st.integers(0, DAY_MINUTES - 1)
days = st.integers(0, 6)


@given(minutes)
def test_no_hours_mean_the_whole_week(minute: int) -> None:
    assert Hours.of([]).allow(minute)


def test_a_night_belongs_to_the_day_it_begins_on() -> None:
    nights = Hours.of(["fri-sat 22:00-07:00"])

    assert nights.allow(4 * DAY_MINUTES + 22 * 60)
    assert nights.allow(6 * DAY_MINUTES + 6 * 60 + 59)
    assert not nights.allow(4 * DAY_MINUTES + 6 * 60)
    assert not nights.allow(6 * DAY_MINUTES + 7 * 60)


def test_a_week_goes_round() -> None:
    weekend = Hours.of(["sun-mon 23:00-01:00"])

    assert weekend.spans == ((0, 60), (1380, 1500), (10_020, 10_080))
    assert weekend.opens_at(60) == 1380
    assert weekend.opens_at(5000) == 10_020
    assert clock_words(weekend.opens_at(5000)) == "sun 23:00"


@given(days, days, times, times, minutes)
def test_a_text_allows_what_it_says(first: int, last: int, begin: int, end: int, at: int) -> None:
    text = f"{DAYS[first]}-{DAYS[last]} {_time(begin)}-{_time(end)}"
    day, minute = divmod(at, DAY_MINUTES)

    def within(day: int) -> bool:
        return (day - first) % 7 <= (last - first) % 7

    if begin < end:
        wanted = within(day) and begin <= minute < end
    else:
        wanted = (within(day) and minute >= begin) or (within((day - 1) % 7) and minute < end)
    assert Hours.of([text]).allow(at) == wanted


@given(st.lists(st.tuples(days, times, times), min_size=1, max_size=4), minutes)
def test_they_open_at_the_next_minute_that_is_allowed(
    parts: list[tuple[int, int, int]], at: int
) -> None:
    hours = Hours.of([f"{DAYS[day]} {_time(begin)}-{_time(end)}" for day, begin, end in parts])

    if not hours.allow(at):
        until = (hours.opens_at(at) - at) % WEEK_MINUTES
        assert hours.allow((at + until) % WEEK_MINUTES)
        assert not any(hours.allow((at + early) % WEEK_MINUTES) for early in range(until))


@pytest.mark.parametrize(
    "text", ["", "monday", "mon 7:00-8:00", "mon-xyz", "mon 25:00-26:00", "mon 10:00", "mon-fri "]
)
def test_what_is_not_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not hours"):
        Hours.of([text])


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
