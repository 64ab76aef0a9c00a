"""A new version is on trial until it has served; what failed is not tried again by itself."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.release.trial import (
    STARTS_MAX,
    Memory,
    gone_back,
    handing_over,
    looked,
    served,
    standing_of,
    started,
)

TRIED = handing_over(Memory(number_seen=5), version="0.2.0", previous="0.1.0")


def test_a_version_that_serves_at_its_first_start_is_settled() -> None:
    memory = served(started(TRIED, "0.2.0"), "0.2.0")

    assert standing_of(memory, "0.2.0") == "settled"
    assert memory.trial is not None and memory.trial.previous == "0.1.0"


def test_a_version_that_never_serves_fails_after_its_starts() -> None:
    memory, seen = TRIED, []
    for _ in range(STARTS_MAX):
        memory = started(memory, "0.2.0")
        seen.append(standing_of(memory, "0.2.0"))

    assert seen == ["trying", "failing"]


@given(st.lists(st.sampled_from(["start", "serve"]), max_size=12))
def test_what_has_served_once_is_never_said_to_fail(happened: list[str]) -> None:
    memory = TRIED
    for each in happened:
        memory = (started if each == "start" else served)(memory, "0.2.0")

    if "serve" in happened:
        assert standing_of(memory, "0.2.0") == "settled"
        assert started(memory, "0.2.0") == memory


def test_starts_of_another_version_are_not_counted() -> None:
    assert started(TRIED, "0.1.0") == TRIED == served(TRIED, "0.1.0")


def test_what_was_left_for_the_version_before_is_passed_over() -> None:
    memory = gone_back(TRIED)

    assert (memory.trial, memory.passed_over) == (None, "0.2.0")


@given(numbers=st.lists(st.none() | st.integers(0, 100), max_size=20))
def test_the_number_that_was_seen_never_falls(numbers: list[int | None]) -> None:
    memory = Memory()
    for at, number in enumerate(numbers):
        after = looked(memory, float(at), number=number)
        assert after.number_seen >= memory.number_seen
        assert (after.failures == 0) == (number is not None)
        memory = after
