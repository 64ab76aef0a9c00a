"""Laws of waiting before the host is called again."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.member.reconnect import BOUND_SECONDS_MAX, DIRECTED_SECONDS_MAX, wait_seconds

CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(failures=st.integers(0, 10_000), chance=CHANCE)
def test_the_wait_is_anything_up_to_a_bound_that_doubles(failures: int, chance: float) -> None:
    wait = wait_seconds(failures, chance)

    assert 0 <= wait <= min(BOUND_SECONDS_MAX, 2.0 ** min(failures, 20))
    assert wait_seconds(failures, 0.5) <= wait_seconds(failures + 1, 0.5)


@given(failures=st.integers(0, 50), chance=CHANCE, directed=st.floats(0.001, 1e9))
def test_nobody_comes_earlier_than_the_host_said(
    failures: int, chance: float, directed: float
) -> None:
    wait = wait_seconds(failures, chance, directed=directed)

    assert wait >= min(directed, DIRECTED_SECONDS_MAX)
    assert wait <= 1.5 * DIRECTED_SECONDS_MAX


def test_two_nodes_of_one_host_come_back_at_different_times() -> None:
    assert wait_seconds(5, 0.1) != wait_seconds(5, 0.9)
    assert wait_seconds(0, 0.1, directed=60) != wait_seconds(0, 0.9, directed=60)
