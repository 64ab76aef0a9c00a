"""Laws of waiting before the host is called again."""

from collections import Counter
from heapq import heapify, heappop, heappush
from random import Random

from hypothesis import given, settings
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


@given(seed=st.integers(0, 1000))
@settings(max_examples=10)
def test_thousands_that_lose_their_host_at_once_come_back_without_a_storm(seed: int) -> None:
    """The host is back after a minute, takes so many greetings a second, and sends others away."""
    chance = Random(seed)
    nodes, a_second, sent_away_for = 4_000, 256, 15.0
    calls = [(chance.random(), 0) for _ in range(nodes)]  # when, and failures so far
    heapify(calls)
    inside, in_this_second, busiest = 0, Counter[int](), 0
    while calls:
        now, failures = heappop(calls)
        in_this_second[int(now)] += 1
        if now < 60.0:
            heappush(calls, (now + wait_seconds(failures + 1, chance.random()), failures + 1))
        elif in_this_second[int(now)] <= a_second:
            inside += 1
        else:
            wait = wait_seconds(failures, chance.random(), directed=sent_away_for)
            heappush(calls, (now + wait, failures))
        busiest = max(busiest, in_this_second[int(now)] if now >= 60.0 else 0)

    assert inside == nodes
    assert busiest <= 2 * a_second, "nobody's door is run in"
    assert max(in_this_second) <= 60 + 300


def test_two_nodes_of_one_host_come_back_at_different_times() -> None:
    assert wait_seconds(5, 0.1) != wait_seconds(5, 0.9)
    assert wait_seconds(0, 0.1, directed=60) != wait_seconds(0, 0.9, directed=60)
