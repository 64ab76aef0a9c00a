"""A new version is on trial until it has served; what failed is not tried again by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.release.trial import (
    STARTS_MAX,
    Memory,
    fetched,
    gone_back,
    handing_over,
    looked,
    not_fetched,
    served,
    standing_of,
    started,
    version_before,
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
        assert standing_of(started(memory, "0.2.0"), "0.2.0") == "settled"


def test_the_first_start_ever_is_no_trial() -> None:
    memory = started(Memory(), "0.1.0")

    assert (memory.trial, memory.running) == (None, "0.1.0")
    assert standing_of(memory, "0.1.0") == "settled"


def test_a_version_that_somebody_else_put_in_place_is_on_trial_too() -> None:
    memory = started(started(Memory(), "0.1.0"), "0.2.0")

    assert standing_of(memory, "0.2.0") == "trying"
    assert memory.trial is not None
    assert (memory.trial.previous, memory.trial.starts) == ("0.1.0", 1)


def test_the_version_before_is_no_trial_when_it_was_put_back() -> None:
    memory = gone_back(started(started(Memory(), "0.1.0"), "0.2.0"))

    after = started(memory, "0.1.0")

    assert after.passed_over == after.fallen == "0.2.0"
    assert standing_of(served(after, "0.1.0"), "0.1.0") == "settled"


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


def test_looks_that_went_well_do_not_hide_how_often_a_file_could_not_be_fetched() -> None:
    memory = Memory()
    for at in range(5):
        memory = not_fetched(looked(memory, float(at), number=1), "a" * 64, float(at))

    assert memory.failures == 0
    assert memory.unfetched is not None
    assert (memory.unfetched.failures, memory.unfetched.failed_at) == (5, 4.0)


def test_another_file_has_not_failed_yet() -> None:
    memory = not_fetched(not_fetched(Memory(), "a" * 64, 1.0), "a" * 64, 2.0)

    other = not_fetched(memory, "b" * 64, 3.0)

    assert other.unfetched is not None and other.unfetched.failures == 1
    assert fetched(other).unfetched is None


@pytest.mark.parametrize(
    ("previous", "running", "before"),
    [
        ("0.1.0", "0.2.0", "0.1.0"),
        ("0.9.0", "0.10.0", "0.9.0"),
        ("0.3.0", "0.2.0", ""),
        ("mine", "0.2.0", ""),
        ("0.1.0", "0.1.5", ""),
    ],
)
def test_one_goes_back_to_the_version_that_this_one_followed_and_never_to_a_newer(
    previous: str, running: str, before: str
) -> None:
    tried = running if running != "0.1.5" else "0.2.0"
    memory = handing_over(Memory(), version=tried, previous=previous)

    assert version_before(memory, running) == before
    assert version_before(Memory(), running) == ""
