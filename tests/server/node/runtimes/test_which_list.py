"""By which list of the publisher a pack is installed: the one of now, or none that is too old."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import HubRefused, HubUnreachable, RemoteNotFound
from app.core.runtime.packs import Needs
from tests.server.node.runtimes.world import NOW, World, world_at
from tests.support.packs import PLACE

DAY = 86_400
DOWN = 500


def _archives_asked(world: World) -> list[str]:
    return [asked.path for asked in world.server.asked if ".zip" in asked.path]


def test_a_pack_that_was_withdrawn_since_the_last_look_is_not_installed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            await world.runtimes.look()
            assert "cuda13-1.0" in {pack.id for pack in (await world.runtimes.picture()).packs}
            world.publish(number=2, files={})

            with pytest.raises(RemoteNotFound, match="has no pack cuda13"):
                await world.runtimes.install("cuda13")

            assert _archives_asked(world) == []
            assert "cuda13-1.0" not in {pack.id for pack in (await world.runtimes.picture()).packs}

    asyncio.run(scene())


def test_a_newer_version_that_came_since_the_last_look_is_the_one_installed(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda("1.0")
            await world.runtimes.look()
            world.publish_cuda("1.1", number=2)

            await world.runtimes.install("cuda13")
            await world.done()

            assert [pack.id for pack in world.store.installed()] == ["cuda13-1.1"]

    asyncio.run(scene())


def test_where_the_publisher_is_down_the_list_of_the_last_look_serves_and_it_is_said(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            await world.runtimes.look()
            world.server.status = DOWN

            await world.runtimes.install("cuda13")
            world.server.status = None
            picture = await world.done()

            assert not picture.has_failed, picture.told
            assert "by the list of 1970-01-12, since its publisher cannot be reached" in (
                picture.told
            )

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("now", "reason", "remedy"),
    [
        (NOW + 10 * DAY, "too old to be believed, or the clock", "Look at the clock"),
        (NOW - 2 * DAY, "dated in the future: the clock", "Set the clock"),
    ],
)
@pytest.mark.parametrize("is_down", [True, False])
def test_a_list_is_not_installed_from_after_its_last_day_nor_by_a_clock_that_is_wrong(
    tmp_path: Path, now: float, reason: str, remedy: str, is_down: bool
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            await world.runtimes.look()
            world.now = now
            world.server.status = DOWN if is_down else None

            with pytest.raises(HubRefused, match=reason) as refused:
                await world.runtimes.install("cuda13")

            assert remedy in refused.value.remedy
            assert _archives_asked(world) == []
            assert world.store.installed() == []

    asyncio.run(scene())


def test_without_a_list_and_a_publisher_nothing_is_installed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.server.status = DOWN

            with pytest.raises(HubUnreachable):
                await world.runtimes.install("cuda13")

    asyncio.run(scene())


def test_a_pack_that_is_installed_goes_on_long_after_its_list_and_without_a_publisher(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            await world.runtimes.install("cuda13")
            await world.done()
            world.now = NOW + 400 * DAY
            world.server.repositories[PLACE].files.clear()

            await world.runtimes.use("cuda13")
            picture = await world.done()

            assert not picture.has_failed, picture.told
            assert await world.gpus() == ["cuda13-1.0 cuda"]

    asyncio.run(scene())


def test_what_is_worth_its_download_is_told_as_soon_as_a_list_is_here(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda(
                needs=Needs(nvidia_driver_min="580.65", compute_capabilities=("8.6",))
            )
            world.hardware = replace(
                world.hardware,
                nvidia_driver="580.82",
                compute_capabilities=("8.9",),
                nvidia_cards=("RTX 4060",),
            )

            unasked = (await world.runtimes.picture()).advice
            await world.runtimes.look()
            asked = (await world.runtimes.picture()).advice
            await world.runtimes.install("cuda13")
            installed = (await world.done()).advice

            assert "`athanor runtime list --look`" in unasked
            assert "on RTX 4060: `athanor runtime install cuda13`" in asked
            assert installed == ""

    asyncio.run(scene())
