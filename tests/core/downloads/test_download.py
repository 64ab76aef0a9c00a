"""A download's life: what follows what, whatever the order of events."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.downloads.download import (
    ACTIVE,
    Download,
    DownloadId,
    File,
    fail,
    finish,
    gigabytes,
    moved,
    pause,
    resume,
    start,
    verified,
)
from app.core.downloads.queue import has_room, in_the_way, next_ones, same_as

GB = 1000**3
SIZE = 3 * GB


def download(name: str = "a", asked_at: float = 1.0, **more: object) -> Download:
    file = File(path=f"{name}.gguf", name=f"{name}.gguf", size=SIZE, sha256=name * 64)
    made = Download(
        id=DownloadId(name),
        repository="someone/some",
        revision="c",
        name=name,
        files=(file,),
        asked_at=asked_at,
    )
    return replace(made, **more)


STEPS = {
    "start": start,
    "moved": lambda one: moved(one, GB, 5.0),
    "verified": lambda one: verified(one, GB),
    "finish": lambda one: finish(one, 9.0),
    "pause": lambda one: pause(one, "asked"),
    "resume": resume,
    "fail": lambda one: fail(one, "unreachable", "no network", "look"),
    "full": lambda one: fail(one, "disk_full", "full", missing_bytes=GB),
}

FOLLOWS = {
    ("queued", "start"): "running",
    ("queued", "pause"): "paused",
    ("running", "verified"): "verifying",
    ("running", "finish"): "done",
    ("running", "pause"): "paused",
    ("running", "fail"): "failed",
    ("running", "full"): "paused",
    ("verifying", "finish"): "done",
    ("verifying", "pause"): "paused",
    ("verifying", "fail"): "failed",
    ("verifying", "full"): "paused",
    ("paused", "resume"): "queued",
    ("failed", "resume"): "queued",
}


@pytest.mark.parametrize(
    ("status", "step"),
    list(itertools.product(["queued", "running", "verifying", "paused", "done", "failed"], STEPS)),
)
def test_a_state_follows_another_as_the_drawing_says_and_in_no_other_way(
    status: str, step: str
) -> None:
    after = STEPS[step](download(status=status))

    assert after.status == FOLLOWS.get((status, step), status)


@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=30))
def test_whatever_happens_words_belong_to_the_state_they_are_shown_with(steps: list[str]) -> None:
    one = download()
    for step in steps:
        one = STEPS[step](one)

    assert bool(one.cause) == (one.status in {"paused", "failed"})
    assert bool(one.missing_bytes) == (one.cause == "disk_full")
    assert (one.ended_at is not None) == (one.status == "done")
    assert one.bytes_per_second == 0 or one.status == "running"


def test_the_first_number_of_a_try_is_a_beginning_and_no_speed() -> None:
    one = moved(start(download()), 2 * GB, 100.0)
    assert (one.done_bytes, one.bytes_per_second, one.seconds_left) == (2 * GB, 0.0, None)

    one = moved(one, 2 * GB + 50_000_000, 101.0)

    assert one.bytes_per_second == 50_000_000
    assert one.seconds_left == pytest.approx(19.0)


@given(speeds=st.lists(st.integers(1, 10**9), min_size=2, max_size=40))
def test_the_shown_speed_lies_between_the_slowest_and_the_fastest(speeds: list[int]) -> None:
    one = moved(start(download()), 1, 1.0)
    for number, speed in enumerate(speeds):
        one = moved(one, one.done_bytes + speed, 2.0 + number)

    assert min(speeds) <= one.bytes_per_second * (1 + 1e-9)
    assert one.bytes_per_second <= max(speeds) * (1 + 1e-9)


def test_what_a_full_disk_lacks_is_told_in_gigabytes_and_never_too_little() -> None:
    one = fail(start(download()), "disk_full", "", missing_bytes=3_210_000_000)

    assert "3.3 GB" in one.reason
    assert gigabytes(1) == "0.1 GB"


@given(
    statuses=st.lists(
        st.sampled_from(["queued", "running", "verifying", "paused", "done", "failed"]),
        max_size=12,
    ),
    at_once=st.integers(1, 4),
)
def test_no_more_than_allowed_are_active_and_no_place_stays_empty(
    statuses: list[str], at_once: int
) -> None:
    all_ = [
        download(chr(97 + number), float(number), status=status)
        for number, status in enumerate(statuses)
    ]
    active = sum(one.status in ACTIVE for one in all_)
    queued = [one for one in all_ if one.status == "queued"]

    started = next_ones(all_, at_once)

    assert list(started) == queued[: len(started)]
    assert len(started) == min(len(queued), max(0, at_once - active))


def test_the_same_content_for_the_same_place_is_one_download() -> None:
    one, other = download("a"), download("b")

    assert same_as([one, other], "someone/some", other.files) == other
    assert same_as([one], "elsewhere/some", one.files) is None
    assert in_the_way([one], "someone/some", [replace(one.files[0], sha256="f" * 64)])
    assert not in_the_way([replace(one, status="done")], "someone/some", one.files)


def test_room_counts_what_is_still_to_come_and_what_must_stay_free() -> None:
    one = download(done_bytes=2 * GB)

    assert has_room(one, 2 * GB, GB)
    assert not has_room(one, 2 * GB - 1, GB)
