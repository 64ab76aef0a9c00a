"""Laws of keep-alive and restart as functions of state and time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.state.backoff import Backoff
from app.core.state.due import Due, due, next_due, unload_at
from app.core.state.events import EngineFell, ServerStopping
from tests.core.state.pictures import SMALL, serving, small, told


def test_an_idle_engine_ends_when_its_keep_alive_has_run_out() -> None:
    state = serving(last_used=10.0, keep_alive=60.0)

    assert next_due(state) == 70.0
    assert due(state, 69.9) == []
    assert due(state, 70.0) == [Due(action="unload", model=SMALL)]


def test_an_engine_in_use_never_ends_by_itself() -> None:
    state = serving(keep_alive=0.0, leases=1)

    assert due(state, 1e9) == []
    assert next_due(state) is None


def test_a_negative_keep_alive_is_for_ever() -> None:
    assert unload_at(small(serving(keep_alive=-1.0))) is None


@pytest.mark.parametrize(("now", "expected"), [(6.9, 0), (7.0, 1)])
def test_a_fallen_engine_that_served_is_started_when_its_backoff_is_over(
    now: float, expected: int
) -> None:
    fell = EngineFell(model=SMALL, at=5.0, reason="", remedy="", retry_at=7.0, failures=2)

    state = told(fell, state=serving())

    assert len(due(state, now)) == expected
    assert next_due(state) == 7.0


def test_nothing_is_due_when_the_server_stops() -> None:
    state = told(ServerStopping(), state=serving())

    assert due(state, 1e9) == []
    assert next_due(state) is None


def test_the_first_failure_may_be_tried_again_at_once_and_later_ones_wait_longer() -> None:
    backoff = Backoff(base_seconds=1.0, cap_seconds=5.0)
    waits = []
    for _ in range(6):
        backoff = backoff.failed("m", 100.0)
        waits.append(backoff.retry_at("m") - 100.0)

    assert waits == [0.0, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.failures("m") == 6
    assert backoff.retry_at("other") == 0.0


def test_old_failures_are_forgotten() -> None:
    backoff = Backoff(reset_seconds=10.0).failed("m", 0.0).failed("m", 5.0).failed("m", 15.0)

    assert backoff.failures("m") == 1
    assert backoff.forgiven("m").failures("m") == 0


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_wait_never_passes_the_cap_however_often_it_fails(times: list[float]) -> None:
    backoff = Backoff()
    for now in sorted(times):
        backoff = backoff.failed("m", now)
        assert 0 <= backoff.retry_at("m") - now <= backoff.cap_seconds + 1e-6
