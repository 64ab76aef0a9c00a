"""Admission: who cannot be served in time is told so at once, and when to come back."""

import math

import msgspec
import pytest

from app.core.pool.admission import Line, admit

CALM = Line(waiting=0, of_account=0, wait_seconds=0.0, patience_seconds=60.0, workers=2)


def line(**fields: object) -> Line:
    return msgspec.structs.replace(CALM, **fields)


def test_whoever_can_be_served_joins_the_line() -> None:
    assert admit(CALM) is None
    assert admit(line(waiting=400, of_account=60, wait_seconds=59.0)) is None


@pytest.mark.parametrize(
    ("met", "status", "code"),
    [
        (line(of_account=64), 429, "account_queue_full"),
        (line(waiting=501, of_account=250), 429, "account_queue_full"),
        (line(workers=0, wait_seconds=math.inf), 503, "no_worker"),
        (line(wait_seconds=math.inf), 503, "nobody_lends"),
        (line(waiting=1000), 503, "queue_full"),
        (line(wait_seconds=61.0), 503, "too_slow"),
    ],
)
def test_the_refusal_says_whose_doing_it_is(met: Line, status: int, code: str) -> None:
    shed = admit(met)

    assert shed is not None
    assert (shed.status, shed.code) == (status, code)
    assert shed.message and 1 <= shed.retry_after_seconds <= 60


def test_a_flood_is_told_to_its_own_account_and_not_to_the_others() -> None:
    full = line(waiting=900, of_account=300)
    other = line(waiting=900, of_account=0)

    assert admit(full) is not None
    assert admit(other) is None
