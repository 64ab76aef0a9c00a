"""Laws of measured energy."""

import pytest

from app.core.member.energy import GAP_SECONDS_MAX, Sample, joules_between, kilowatt_hours


def _sample(at: float, watts: float | None, guests: int = 1, requests: int = 1) -> Sample:
    return Sample(at=at, watts=watts, guests=guests, requests=requests)


@pytest.mark.parametrize(
    ("before", "after", "joules"),
    [
        (None, _sample(2, 100), 0),
        (_sample(0, 100), _sample(2, 100), 200),
        (_sample(0, 100), _sample(2, 200), 300),
        (_sample(0, 100, guests=0), _sample(2, 100), 0),
        (_sample(0, 100, guests=1, requests=4), _sample(2, 100), 50),
        (_sample(0, None), _sample(2, 100), 0),
        (_sample(0, 100), _sample(2, None), 0),
        (_sample(0, 100), _sample(GAP_SECONDS_MAX + 1, 100), 0),
        (_sample(5, 100), _sample(2, 100), 0),
    ],
)
def test_guests_bear_their_share_of_what_was_measured_and_nothing_is_guessed(
    before: Sample | None, after: Sample, joules: float
) -> None:
    assert joules_between(before, after) == pytest.approx(joules)


def test_a_kilowatt_for_an_hour_is_a_kilowatt_hour() -> None:
    assert kilowatt_hours(1000 * 3600) == 1
