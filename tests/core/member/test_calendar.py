"""Laws of the owner's days; Python's own calendar is the oracle."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from app.core.base.units import SECOND, Microseconds
from app.core.member.calendar import by_day, civil, date_text, day_of, first_day_of_month, midnight

EPOCH = date(1970, 1, 1)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2400, 1, 1)))
def test_a_day_is_what_the_calendar_says(day: date) -> None:
    number = (day - EPOCH).days

    assert civil(number) == (day.year, day.month, day.day)
    assert date_text(number) == day.isoformat()
    assert first_day_of_month(number) == (day.replace(day=1) - EPOCH).days


@given(
    at=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1)),
    hours=st.integers(-12, 14),
)
def test_a_day_begins_at_the_owners_midnight(at: datetime, hours: int) -> None:
    moment = at.replace(tzinfo=UTC)
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    local = moment.astimezone(timezone(timedelta(hours=hours)))

    assert date_text(day_of(Microseconds(micros), hours * 3600)) == local.date().isoformat()


def test_a_microsecond_parts_two_days() -> None:
    midnight = Microseconds(86_400 * SECOND)

    assert day_of(midnight, 0) == 1
    assert day_of(Microseconds(midnight - 1), 0) == 0


def test_the_sums_of_a_day_go_by_the_offset_of_each_moment() -> None:
    """The clocks went back by an hour at noon UTC of day 2, from one ahead of UTC to none."""
    hour = 3600 * SECOND

    def offset_at(at: Microseconds) -> int:
        return 3600 if at < 60 * hour else 0

    rows = [(22 * hour, 1, 1), (23 * hour, 2, 1), (47 * hour, 4, 3), (71 * hour, 8, 1)]

    assert by_day(rows, offset_at) == {0: (1, 1), 1: (2, 1), 2: (12, 4)}
    assert by_day([], offset_at) == {}


@given(
    day=st.integers(0, 20_000),
    changed=st.integers(-3, 3),
    hour=st.integers(1, 4),
    before=st.integers(-12, 14),
    minutes=st.sampled_from([-60, -30, 30, 60]),
)
def test_midnight_is_the_owners_whatever_the_clocks_did_since(
    day: int, changed: int, hour: int, before: int, minutes: int
) -> None:
    """Clocks are changed a few hours after a midnight, some days before or after this one."""
    first = before * 3600
    change = ((day + changed) * 86_400 + hour * 3600 - first) * SECOND

    def offset_at(at: Microseconds) -> int:
        return first if at < change else first + minutes * 60

    begin = midnight(day, offset_at)

    assert begin + offset_at(begin) * SECOND == day * 86_400 * SECOND
