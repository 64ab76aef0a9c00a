"""Downloads of a node: real children, a real database, a hub on this machine."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.core.base.errors import RequestError
from app.core.downloads.download import File
from app.settings.download_schema import DownloadSettings
from tests.server.node.downloads.conftest import Place, place_at
from tests.support.hub import COMMIT, Hub, sha256

MIB = 1024**2
REPOSITORY = "someone/Some-GGUF"
CONTENT = random.Random(3).randbytes(5 * MIB)
InShop = Callable[..., None]


def file(name: str = "a-Q4_0.gguf", content: bytes = CONTENT) -> File:
    return File(path=name, name=name, size=len(content), sha256=sha256(content))


def add(place: Place, *files: File):
    return place.downloads.add(
        repository=REPOSITORY, revision=COMMIT, name="some", files=files or (file(),)
    )


def test_a_download_is_done_when_the_file_is_in_its_place_and_the_library_knows_it(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})

    async def act(place: Place) -> None:
        await add(place)
        done = await place.until(lambda one: one.status == "done" and one.model != "")

        assert (place.models / REPOSITORY / "a-Q4_0.gguf").read_bytes() == CONTENT
        assert done.model == "a-q4_0"
        assert (done.done_bytes, done.ended_at) == (len(CONTENT), 1000.0)
        assert list((place.models / ".downloads").iterdir()) == []

    in_shop(act)


def test_a_paused_download_keeps_what_it_has_and_goes_on_from_there(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = 3 * MIB

    async def act(place: Place) -> None:
        asked = await add(place)
        await asyncio.to_thread(hub.held.wait, 60)
        paused = await place.downloads.pause(asked)
        hub.hold_after = None
        hub.released.set()
        (incomplete,) = (place.models / ".downloads" / "a").iterdir()
        kept = incomplete.stat().st_size
        assert (paused.status, paused.cause) == ("paused", "asked")
        hub.asked.clear()

        await place.downloads.resume(paused)
        await place.until(lambda one: one.status == "done")

        ranges = {asked.range for asked in hub.asked}
        assert ranges == ({"", f"bytes={kept}-"} if kept else {""})

    in_shop(act)


def test_no_more_than_allowed_run_and_the_next_begins_when_one_is_over(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {f"{name}-Q4_0.gguf": CONTENT[: 2 * MIB] for name in "abc"})
    hub.hold_after = MIB
    files = [file(f"{name}-Q4_0.gguf", CONTENT[: 2 * MIB]) for name in "abc"]

    async def act(place: Place) -> None:
        for each in files:
            await add(place, each)
        assert [one.status for one in place.downloads.all()] == ["running", "running", "queued"]

        hub.hold_after = None
        hub.released.set()
        for name in "abc":
            await place.until(lambda one: one.status == "done", name)

    in_shop(act, DownloadSettings(at_once=2, disk_free_bytes_min=0))


def test_settings_that_change_hold_for_what_waits_and_for_what_is_under_way(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {f"{name}-Q4_0.gguf": CONTENT for name in "ab"})

    async def act(place: Place) -> None:
        for name in "ab":
            await add(place, file(f"{name}-Q4_0.gguf"))
        assert [one.status for one in place.downloads.all()] == ["running", "queued"]

        await place.downloads.use(DownloadSettings(at_once=2, disk_free_bytes_min=0))

        for name in "ab":
            await place.until(lambda one: one.status == "done", name)

    # A byte a second: neither would ever come.
    in_shop(act, DownloadSettings(at_once=1, bytes_per_second=1, disk_free_bytes_min=0))


def test_each_download_is_begun_once_however_many_look_for_the_next(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {f"{name}-Q4_0.gguf": CONTENT for name in "abc"})
    hub.hold_after = MIB
    more = DownloadSettings(at_once=3, disk_free_bytes_min=0)

    async def act(place: Place) -> None:
        for name in "abc":
            await add(place, file(f"{name}-Q4_0.gguf"))

        await asyncio.gather(place.downloads.use(more), place.downloads.use(more))

        tasks = [task.get_name() for task in asyncio.all_tasks()]
        assert [tasks.count(f"download {name}") for name in "abc"] == [1, 1, 1]

    in_shop(act, DownloadSettings(at_once=1, disk_free_bytes_min=0))


def test_orders_of_the_same_at_one_time_are_one_download(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = MIB

    async def act(place: Place) -> None:
        first, second = await asyncio.gather(add(place), add(place))

        assert (first.id, second.id) == ("a", "a")
        assert len(place.downloads.all()) == 1

    in_shop(act)


def test_a_cancelled_download_leaves_nothing_behind(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = 3 * MIB

    async def act(place: Place) -> None:
        asked = await add(place)
        await asyncio.to_thread(hub.held.wait, 60)

        await place.downloads.remove(asked)

        assert place.downloads.all() == ()
        assert not (place.models / ".downloads" / "a").exists()
        assert not (place.models / REPOSITORY / "a-Q4_0.gguf").exists()

    in_shop(act)


def test_asking_for_the_same_again_is_the_same_download(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = MIB

    async def act(place: Place) -> None:
        first = await add(place)
        again = await add(place)
        assert again.id == first.id
        await place.downloads.pause(first)
        hub.hold_after = None
        hub.released.set()

        resumed = await add(place)

        assert (resumed.id, resumed.status) == (first.id, "running")
        await place.until(lambda one: one.status == "done")

    in_shop(act)


def test_two_contents_for_one_place_are_refused_while_one_is_under_way(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = MIB

    async def act(place: Place) -> None:
        await add(place)

        with pytest.raises(RequestError, match="same name"):
            await add(place, file(content=CONTENT[:-1]))

    in_shop(act)


def test_a_failure_is_told_with_its_remedy_and_can_be_tried_again(
    hub: Hub, in_shop: InShop
) -> None:
    repository = hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT}, is_gated=True)

    async def act(place: Place) -> None:
        asked = await add(place)
        failed = await place.until(lambda one: one.status == "failed")
        assert failed.cause == "access"
        assert "gated" in failed.reason and "HF_TOKEN" in failed.remedy
        repository.is_gated = False

        await place.downloads.resume(asked)

        done = await place.until(lambda one: one.status == "done")
        assert (done.reason, done.remedy) == ("", "")

    in_shop(act)


@pytest.mark.parametrize(("goes_on", "status"), [(True, "done"), (False, "paused")])
def test_a_restart_goes_on_or_shows_what_was_under_way_as_paused(
    hub: Hub, tmp_path: Path, goes_on: bool, status: str
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = 3 * MIB
    settings = DownloadSettings(resume_on_start=goes_on, disk_free_bytes_min=0)

    async def first() -> None:
        async with place_at(tmp_path, hub.environment, settings) as place:
            await add(place)
            await asyncio.to_thread(hub.held.wait, 60)
            await place.until(lambda one: one.done_bytes >= MIB)

    async def second() -> None:
        async with place_at(tmp_path, hub.environment, settings) as place:
            one = await place.until(lambda one: one.status in {"done", "paused"})
            assert one.status == status
            assert one.done_bytes >= MIB
            assert one.files == (file(),)

    asyncio.run(first())
    hub.hold_after = None
    hub.released.set()
    asyncio.run(second())


def test_a_full_disk_pauses_with_what_is_missing(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})

    async def act(place: Place) -> None:
        await add(place)
        paused = await place.until(lambda one: one.status == "paused")

        assert paused.cause == "disk_full"
        assert "GB more must be free" in paused.reason
        assert paused.missing_bytes > 0
        assert hub.sent == 0

    in_shop(act, DownloadSettings(disk_free_bytes_min=1024**5))


def test_every_call_stands_in_the_network_activity(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})

    async def act(place: Place) -> None:
        await add(place)
        await place.until(lambda one: one.status == "done")

        calls = place.shop.outbound.calls()
        assert len(calls) == len(hub.asked)
        assert {call.purpose for call in calls} == {"download"}
        assert sum(each.received_bytes for each in place.shop.outbound.totals()) == len(CONTENT)

    in_shop(act)


def test_a_child_that_is_killed_by_somebody_is_a_failure_that_can_be_resumed(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {"a-Q4_0.gguf": CONTENT})
    hub.hold_after = 2 * MIB

    async def act(place: Place) -> None:
        asked = await add(place)
        await asyncio.to_thread(hub.held.wait, 60)
        await place.until(lambda one: one.done_bytes >= MIB)
        alive = [
            each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE
        ]
        (child,) = [each for each in alive if "download" in each.cmdline()]
        child.kill()

        failed = await place.until(lambda one: one.status == "failed")

        assert failed.cause == "broken"
        hub.hold_after = None
        hub.released.set()
        await place.downloads.resume(asked)
        await place.until(lambda one: one.status == "done")

    in_shop(act)
