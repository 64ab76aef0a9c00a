"""A real child with real huggingface_hub code fetches files, and loses nothing when it dies."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wire.download import (
    Called,
    Failed,
    Fetch,
    Fetched,
    FetchFile,
    Moved,
    SetRate,
    Verifying,
)
from tests.support.download_child import DownloadChild, download_child
from tests.support.hub import COMMIT, Hub, sha256

MIB = 1024**2
REPOSITORY = "someone/Some-GGUF"
CONTENT = random.Random(7).randbytes(9 * MIB + 12_345)


def order(folder: Path, files: dict[str, bytes], **more: int) -> Fetch:
    """To fetch these files, each under its own name."""
    return Fetch(
        repository=REPOSITORY,
        revision=COMMIT,
        files=tuple(
            FetchFile(path=path, name=path, size=len(content), sha256=sha256(content))
            for path, content in files.items()
        ),
        folder=str(folder / "someone" / "Some-GGUF"),
        workshop=str(folder / ".downloads"),
        **more,
    )


def target(folder: Path, name: str = "a-Q4_0.gguf") -> Path:
    return folder / "someone" / "Some-GGUF" / name


def test_a_file_arrives_whole_in_its_place_and_nothing_else_stays(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    assert end == Fetched(paths=(str(target(tmp_path)),))
    assert target(tmp_path).read_bytes() == CONTENT
    assert list((tmp_path / ".downloads").iterdir()) == []
    assert child.process.wait(30) == 0


def test_progress_rises_to_the_whole_and_then_to_the_whole_checked(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    files = {"a-00001-of-00002.gguf": CONTENT, "a-00002-of-00002.gguf": CONTENT[:MIB]}
    hub.add(REPOSITORY, files)

    child.ask(order(tmp_path, files))

    moved = [said.done_bytes for said in child.said if isinstance(said, Moved)]
    checked = [said.checked_bytes for said in child.said if isinstance(said, Verifying)]
    assert moved == sorted(moved)
    assert moved[-1] == len(CONTENT) + MIB
    assert checked == sorted(checked)


def test_a_killed_child_is_followed_by_one_that_fetches_only_the_rest(
    hub: Hub, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = 6 * MIB
    wanted = order(tmp_path, {"a-Q4_0.gguf": CONTENT})
    with download_child(hub.environment) as first:
        first.send(wanted)
        assert hub.held.wait(60)
        first.until(lambda said: isinstance(said, Moved) and said.done_bytes >= 3 * MIB)
        first.kill()
    (incomplete,) = (tmp_path / ".downloads").iterdir()
    kept = incomplete.stat().st_size
    hub.hold_after = None
    hub.released.set()
    sent_before = hub.sent

    with download_child(hub.environment) as second:
        end = second.ask(wanted)

    assert isinstance(end, Fetched)
    assert target(tmp_path).read_bytes() == CONTENT
    assert kept >= 3 * MIB
    assert [asked.range for asked in hub.asked if asked.range] == [f"bytes={kept}-"] * 2
    assert hub.sent - sent_before <= len(CONTENT) - kept + 6 * MIB


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.break_after = 5 * MIB

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    assert isinstance(end, Fetched)
    assert target(tmp_path).read_bytes() == CONTENT
    assert any(asked.range for asked in hub.asked)


def test_a_server_that_ignores_ranges_costs_a_new_beginning_and_never_a_wrong_file(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.ignores_ranges = True
    hub.break_after = 5 * MIB

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    assert isinstance(end, Fetched)
    assert target(tmp_path).read_bytes() == CONTENT


def test_bytes_other_than_announced_are_deleted_and_never_put_in_place(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    altered = b"x" + CONTENT[1:]
    repository = hub.add(REPOSITORY, {"a-Q4_0.gguf": altered})
    repository.announced["a-Q4_0.gguf"] = sha256(CONTENT)

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    assert isinstance(end, Failed)
    assert end.kind == "content"
    assert not target(tmp_path).exists()
    assert list((tmp_path / ".downloads").iterdir()) == []


def test_a_file_that_changed_at_the_hub_is_not_mixed_with_the_old_one(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT[:-1]})

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    assert isinstance(end, Failed)
    assert (end.kind, "another" in end.message) == ("content", True)
    assert hub.sent == 0


def test_no_part_of_a_split_model_is_in_place_before_all_are_right(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    files = {"a-00001-of-00002.gguf": CONTENT, "a-00002-of-00002.gguf": CONTENT[:MIB]}
    repository = hub.add(REPOSITORY, {**files, "a-00002-of-00002.gguf": b"y" * MIB})
    repository.announced["a-00002-of-00002.gguf"] = sha256(CONTENT[:MIB])

    end = child.ask(order(tmp_path, files))

    assert isinstance(end, Failed)
    assert not any(target(tmp_path, name).exists() for name in files)
    assert len(list((tmp_path / ".downloads").iterdir())) == 1


def test_what_is_there_already_is_checked_and_not_fetched(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    target(tmp_path).parent.mkdir(parents=True)
    target(tmp_path).write_bytes(CONTENT)

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    assert isinstance(end, Fetched)
    assert hub.asked == []


def test_an_altered_file_in_its_place_is_replaced_by_the_right_one(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    target(tmp_path).parent.mkdir(parents=True)
    target(tmp_path).write_bytes(b"z" + CONTENT[1:])

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    assert isinstance(end, Fetched)
    assert target(tmp_path).read_bytes() == CONTENT


def test_the_child_ends_when_its_parent_does_in_the_middle_of_a_fetch(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = 2 * MIB
    child.send(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))
    assert hub.held.wait(60)

    assert child.process.stdin is not None
    child.process.stdin.close()

    assert child.process.wait(30) == 0


def test_a_cap_given_with_the_order_is_told_to_wait(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})

    end = child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}, bytes_per_second=64 * MIB))

    assert isinstance(end, Fetched)


def test_a_cap_that_is_lifted_frees_what_waits_under_it(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    # A byte a second: the first piece alone would wait for the better part of a day.
    child.send(order(tmp_path, {"a-Q4_0.gguf": CONTENT}, bytes_per_second=1))
    child.until(lambda said: isinstance(said, Called) and said.status == 200)

    end = child.ask(SetRate(bytes_per_second=0))

    assert isinstance(end, Fetched)


def test_every_call_is_told_with_its_purpose_and_all_its_bytes(
    hub: Hub, child: DownloadChild, tmp_path: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})

    child.ask(order(tmp_path, {"a-Q4_0.gguf": CONTENT}))

    last: dict[int, Called] = {call.number: call for call in child.calls}
    assert [call.purpose for call in last.values()] == ["download"] * len(hub.asked)
    assert {call.host for call in last.values()} == {"127.0.0.1", "localhost"}
    assert sum(call.received_bytes for call in last.values()) == len(CONTENT)


# --- a full disk -----------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_without_room_is_told_with_what_is_missing_before_anything_is_fetched(
    hub: Hub, child: DownloadChild, small_disk: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    (small_disk / "other").write_bytes(bytes(10 * MIB))

    end = child.ask(order(small_disk, {"a-Q4_0.gguf": CONTENT}))

    assert isinstance(end, Failed)
    assert end.kind == "disk_full"
    assert len(CONTENT) - 6 * MIB <= end.missing_bytes <= len(CONTENT) - 5 * MIB
    assert hub.sent == 0


def test_a_disk_that_fills_up_stops_the_fetch_and_room_lets_it_go_on(
    hub: Hub, small_disk: Path
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    wanted = order(small_disk, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = 3 * MIB
    other = small_disk / "other"
    with download_child(hub.environment) as first:
        first.send(wanted)
        assert hub.held.wait(60)
        other.write_bytes(bytes(10 * MIB))
        hub.hold_after = None
        hub.released.set()
        end = first.until(lambda said: isinstance(said, Failed))
    assert isinstance(end, Failed) and end.kind == "disk_full" and end.missing_bytes >= MIB
    other.unlink()

    with download_child(hub.environment) as second:
        again = second.ask(wanted)

    assert isinstance(again, Fetched)
    assert target(small_disk).read_bytes() == CONTENT
    assert any(asked.range for asked in hub.asked)


def test_what_must_stay_free_stays_free(hub: Hub, child: DownloadChild, small_disk: Path) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})

    end = child.ask(order(small_disk, {"a-Q4_0.gguf": CONTENT}, disk_free_bytes_min=10 * MIB))

    assert isinstance(end, Failed)
    assert end.kind == "disk_full"
