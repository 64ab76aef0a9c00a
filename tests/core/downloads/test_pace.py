"""The cap as a calculation: no clock, no network."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.downloads.pace import BURST_SECONDS, Pace, shares

PIECES = st.lists(st.tuples(st.integers(1, 200_000), st.floats(0, 5)), min_size=1, max_size=60)


@given(pieces=PIECES, rate=st.integers(1_000, 10_000_000))
def test_no_stretch_of_time_sees_more_bytes_than_the_cap_allows(
    pieces: list[tuple[int, float]], rate: int
) -> None:
    pace, now = Pace(), 0.0
    passed: list[tuple[float, int]] = []
    for count, later in pieces:
        now += later
        pace, wait = pace.after(count, rate=rate, now=now)
        now += wait
        passed.append((now, count))

    for first, (begin, _) in enumerate(passed):
        for last in range(first + 1, len(passed)):
            stretch = passed[last][0] - begin
            counted = sum(count for _, count in passed[first + 1 : last + 1])
            assert counted <= rate * (stretch + BURST_SECONDS) + 1


@given(pieces=PIECES, rate=st.integers(1_000, 10_000_000))
def test_who_always_has_bytes_gets_all_that_the_cap_allows(
    pieces: list[tuple[int, float]], rate: int
) -> None:
    pace, now = Pace(), 0.0
    for count, _ in pieces:
        pace, wait = pace.after(count, rate=rate, now=now)
        now += wait

    assert now <= sum(count for count, _ in pieces) / rate + 1e-6


def test_without_a_cap_nothing_waits_and_an_old_cap_is_forgotten() -> None:
    pace, wait = Pace().after(1_000_000, rate=1, now=0.0)
    assert wait > 900_000

    pace, wait = pace.after(1_000_000, rate=0, now=1.0)

    assert (pace, wait) == (Pace(), 0.0)


@given(cap=st.integers(1, 10**9), running=st.integers(1, 20))
def test_shares_together_keep_to_the_cap(cap: int, running: int) -> None:
    assert shares(cap, running) * running <= max(cap, running)
    assert shares(cap, running) >= 1
    assert shares(0, running) == 0
