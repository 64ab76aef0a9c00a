"""Laws of limits: what passes, what is refused, and when it would pass."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.units import SECOND, Microseconds
from app.core.pool.limits import (
    Amounts,
    Charged,
    Counted,
    Exceeded,
    Level,
    Limit,
    Measure,
    Period,
    Room,
    admit,
    correct,
    end_of,
    room,
    start_of,
    used,
)

PERIODS: tuple[Period, ...] = ("minute", "day", "month")
MEASURES: tuple[Measure, ...] = ("requests", "tokens", "credits")

limits = st.builds(
    Limit, st.sampled_from(MEASURES), st.sampled_from(PERIODS), st.integers(0, 10**6)
)
amounts = st.builds(
    Amounts,
    requests=st.integers(0, 3),
    tokens=st.integers(0, 10**6),
    credits=st.integers(0, 10**6),
)
moments = st.integers(0, 4 * 10**15).map(Microseconds)
steps_max = 40 * 86_400 * SECOND
steps = st.integers(0, steps_max)


def counted(*several: Limit) -> tuple[Counted, ...]:
    return tuple(Counted("key", limit) for limit in several)


def passes(found: tuple[Counted, ...] | Exceeded) -> tuple[Counted, ...]:
    assert not isinstance(found, Exceeded), found
    return found


@given(st.lists(limits, max_size=4), amounts, moments)
def test_a_fresh_limit_takes_its_amount_and_not_one_more(
    several: list[Limit], asked: Amounts, now: Microseconds
) -> None:
    found = admit(counted(*several), asked, now)

    fits = all(asked.of(limit.measure) <= limit.amount for limit in several)
    assert isinstance(found, Exceeded) != fits
    if isinstance(found, Exceeded):
        assert found.again_at is None, "waiting does not help who asks for more than the limit"


@given(st.lists(limits, min_size=1, max_size=4), st.lists(st.tuples(amounts, steps)), moments)
def test_a_refusal_names_the_first_moment_at_which_the_same_request_passes(
    several: list[Limit], history: list[tuple[Amounts, int]], now: Microseconds
) -> None:
    state = counted(*several)
    for asked, step in history:
        now = Microseconds(now + step)
        found = admit(state, asked, now)
        if not isinstance(found, Exceeded):
            state = found
        elif found.again_at is not None:
            assert found.again_at > now
            assert not isinstance(admit(state, asked, found.again_at), Exceeded)
            assert isinstance(admit(state, asked, Microseconds(found.again_at - 1)), Exceeded)


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10**8))))
def test_no_span_of_time_sees_more_than_a_bucket_and_what_drained_in_it(
    amount: int, arrivals: list[tuple[int, int]]
) -> None:
    state, now, passed = counted(Limit("tokens", "minute", amount)), Microseconds(0), []
    for tokens, step in arrivals:
        now = Microseconds(now + step)
        found = admit(state, Amounts(tokens=tokens), now)
        if not isinstance(found, Exceeded):
            state = found
            passed.append((now, tokens))

    for first, (begin, _) in enumerate(passed):
        for last in range(first, len(passed)):
            total = sum(tokens for _, tokens in passed[first : last + 1])
            minutes = (passed[last][0] - begin) / (60 * SECOND)
            assert total <= amount * (1 + minutes) + 1e-6


@given(st.sampled_from(("day", "month")), st.integers(1, 100), st.lists(steps, max_size=60))
def test_no_day_and_no_month_sees_more_than_its_amount(
    period: Period, amount: int, gaps: list[int]
) -> None:
    state, now = counted(Limit("credits", period, amount)), Microseconds(0)
    seen: dict[Microseconds, int] = {}
    for gap in gaps:
        now = Microseconds(now + gap // 40)
        found = admit(state, Amounts(credits=7), now)
        if not isinstance(found, Exceeded):
            state = found
            start = start_of(period, now)
            seen[start] = seen.get(start, 0) + 7

    assert all(total <= amount for total in seen.values())


@given(st.lists(limits, min_size=1, max_size=5), amounts, amounts, moments)
def test_limits_are_charged_all_or_none(
    several: list[Limit], before: Amounts, asked: Amounts, now: Microseconds
) -> None:
    found = admit(counted(*several), before, now)
    state = counted(*several) if isinstance(found, Exceeded) else found

    after = admit(state, asked, now)

    alone = [admit((one,), asked, now) for one in state]
    if isinstance(after, Exceeded):
        assert any(isinstance(each, Exceeded) for each in alone)
    else:
        assert after == tuple(each[0] for each in alone if not isinstance(each, Exceeded))
        for one, then in zip(state, after, strict=True):
            assert used(then, now) == used(one, now) + asked.of(one.limit.measure)


@given(limits, amounts, amounts, moments, st.integers(0, 50 * SECOND))
def test_a_correction_leaves_what_was_really_used(
    limit: Limit, estimate: Amounts, actual: Amounts, now: Microseconds, step: int
) -> None:
    found = admit(counted(limit), estimate, now)
    if isinstance(found, Exceeded):
        return
    later = Microseconds(now + step)

    (one,) = correct(found, [Charged(estimate, now)], actual, later)

    if limit.period == "minute":
        drained = limit.amount * step
        estimated = max(0, estimate.of(limit.measure) * 60 * SECOND - drained)
        more = (actual.of(limit.measure) - estimate.of(limit.measure)) * 60 * SECOND
        assert one.level.used == max(0, estimated + more)
    elif start_of(limit.period, later) == start_of(limit.period, now):
        assert used(one, later) == actual.of(limit.measure)
    else:
        assert used(one, later) == 0


def test_work_beyond_its_estimate_is_waited_for_by_the_next_request() -> None:
    one = passes(admit(counted(Limit("tokens", "minute", 100)), Amounts(tokens=10), _at(0)))

    charged = [Charged(Amounts(tokens=10), _at(0))]
    over = correct(one, charged, Amounts(tokens=250), _at(0))

    refused = admit(over, Amounts(tokens=10), _at(0))
    assert isinstance(refused, Exceeded)
    assert refused.left == 0
    assert refused.again_at == 96 * SECOND  # 160 too many at 100 a minute


def test_what_grew_after_midnight_and_was_not_used_is_given_back_to_the_new_day() -> None:
    evening, morning = _at(86_400 * 5 - 60), _at(86_400 * 5 + 60)
    first, more = Amounts(credits=100), Amounts(requests=0, credits=900)
    charges = [Charged(first, evening), Charged(more, morning)]
    before = passes(admit(counted(Limit("credits", "day", 1000)), first, evening))
    grown = passes(admit(before, more, morning))

    (day,) = correct(grown, charges, Amounts(credits=110), morning)
    (nothing,) = correct(grown, charges, Amounts(credits=40), morning)
    (beyond,) = correct(grown, charges, Amounts(credits=1500), morning)

    assert [used(each, morning) for each in (day, nothing, beyond)] == [10, 0, 1400]


def test_a_clock_that_goes_back_neither_drains_nor_opens_a_new_day() -> None:
    day = passes(admit(counted(Limit("requests", "day", 1)), Amounts(), _at(86_400 * 5)))
    minute = passes(admit(counted(Limit("requests", "minute", 1)), Amounts(), _at(86_400 * 5)))

    assert isinstance(admit(day, Amounts(), _at(0)), Exceeded)
    assert isinstance(admit(minute, Amounts(), _at(0)), Exceeded)


def test_the_refusal_that_lasts_longest_is_told() -> None:
    state = (
        Counted("key", Limit("requests", "minute", 1), Level(60 * SECOND, _at(0))),
        Counted("account", Limit("credits", "month", 10), Level(10, _at(0))),
        Counted("project", Limit("credits", "day", 10), Level(10, _at(0))),
    )

    found = admit(state, Amounts(credits=1), _at(0))

    assert isinstance(found, Exceeded)
    assert (found.subject, found.limit.period) == ("account", "month")


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_days_and_months_are_those_of_utc(naive: datetime) -> None:
    when = naive.replace(tzinfo=UTC)
    now = Microseconds(int(when.timestamp()) * SECOND)
    day = when.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    later = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)

    assert start_of("day", now) == int(day.timestamp()) * SECOND
    assert end_of("day", now) == (int(day.timestamp()) + 86_400) * SECOND
    assert start_of("month", now) == int(month.timestamp()) * SECOND
    assert end_of("month", now) == int(later.timestamp()) * SECOND


MINUTE, DAY = Microseconds(60 * SECOND), Microseconds(86_400 * SECOND)


@pytest.mark.parametrize(
    ("several", "asked", "expected"),
    [
        ((), 1, None),
        ((Limit("tokens", "day", 5),), 1, None),
        ((Limit("requests", "minute", 6),), 0, Room(6, 6, Microseconds(0))),
        ((Limit("requests", "minute", 6),), 2, Room(6, 4, Microseconds(20 * SECOND))),
        ((Limit("requests", "day", 6),), 0, Room(6, 6, Microseconds(0))),
        ((Limit("requests", "day", 6),), 6, Room(6, 0, Microseconds(DAY - MINUTE))),
        ((Limit("requests", "minute", 0),), 0, Room(0, 0, Microseconds(0))),
        (
            (Limit("requests", "minute", 9), Limit("requests", "day", 6)),
            2,
            Room(6, 4, Microseconds(DAY - MINUTE)),
        ),
        (
            (Limit("requests", "minute", 6), Limit("requests", "day", 6)),
            2,
            Room(6, 4, Microseconds(DAY - MINUTE)),
        ),
    ],
)
def test_of_several_limits_the_tightest_is_told_with_the_time_until_it_is_whole(
    several: tuple[Limit, ...], asked: int, expected: Room | None
) -> None:
    state = passes(admit(counted(*several), Amounts(requests=asked), MINUTE))

    assert room(state, "requests", MINUTE) == expected


@given(
    limits.filter(lambda limit: limit.amount > 0),
    st.integers(0, 10**6),
    st.integers(-(10**9), steps_max),
    moments,
)
def test_a_limit_is_whole_when_it_was_said_and_not_before(
    limit: Limit, used_up: int, step: int, now: Microseconds
) -> None:
    limit = Limit("requests", limit.period, limit.amount)
    asked = Amounts(requests=min(used_up, limit.amount))
    state = passes(admit(counted(limit), asked, now))
    later = Microseconds(max(0, now + step))

    found = room(state, "requests", later)

    assert found is not None
    whole = Microseconds(later + found.whole_in)
    assert used(state[0], whole) == 0
    assert found.whole_in == 0 or used(state[0], Microseconds(whole - 1)) > 0


@pytest.mark.parametrize("period", PERIODS)
def test_a_limit_of_nothing_lets_nothing_pass(period: Period) -> None:
    found = admit(counted(Limit("requests", period, 0)), Amounts(), _at(1))

    assert isinstance(found, Exceeded)
    assert found.again_at is None


def _at(seconds: int) -> Microseconds:
    return Microseconds(seconds * SECOND)
