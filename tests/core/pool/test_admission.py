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
    ("met", "status", "words"),
    [
        (line(of_account=64), 429, "of this account wait already"),
        (line(waiting=501, of_account=250), 429, "of this account wait already"),
        (line(workers=0, wait_seconds=math.inf), 503, "No machine in the pool offers"),
        (line(wait_seconds=math.inf), 503, "on 2 machines, and none lends it right now"),
        (line(workers=1, wait_seconds=math.inf), 503, "on 1 machine, and none lends it"),
        (line(waiting=1000), 503, "wait for the pool already"),
        (line(wait_seconds=61.0), 503, "a smaller model is free sooner"),
    ],
)
def test_the_refusal_says_whose_doing_it_is(met: Line, status: int, words: str) -> None:
    shed = admit(met)

    assert shed is not None
    assert shed.status == status
    assert words in shed.message
    assert 1 <= shed.retry_after_seconds <= 60


def test_a_flood_is_told_to_its_own_account_and_not_to_the_others() -> None:
    full = line(waiting=900, of_account=300)
    other = line(waiting=900, of_account=0)

    assert admit(full) is not None
    assert admit(other) is None
