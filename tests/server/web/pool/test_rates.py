"""Laws of the headers that tell what a caller's limits leave."""

import pytest

from app.core.base.units import SECOND, Microseconds
from app.core.pool.limits import Room
from app.server.web.pool.rates import rate_headers


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "0s"),
        (1, "1s"),
        (59 * SECOND, "59s"),
        (60 * SECOND, "1m0s"),
        (3599 * SECOND + 1, "1h0m0s"),
        (26 * 3600 * SECOND + 61 * SECOND, "26h1m1s"),
    ],
)
def test_a_limit_is_told_with_what_is_left_and_when_all_of_it_is(time: int, text: str) -> None:
    told = rate_headers(requests=Room(600, 599, Microseconds(time)), tokens=None)

    assert told == [
        (b"x-ratelimit-limit-requests", b"600"),
        (b"x-ratelimit-remaining-requests", b"599"),
        (b"x-ratelimit-reset-requests", text.encode()),
    ]
