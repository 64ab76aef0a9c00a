"""A proof is of one driver: under another one a GPU is tried anew, whatever came of it before."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from app.core.runtime.record import Proof
from tests.server.node.runtimes.engine_script import CARD
from tests.server.node.runtimes.world import World, world_at
from tests.support.release_keys import PublishersKey

OLD, NEW = "580.65", "585.10"


async def _start(world: World) -> list[str]:
    """What a start does: the devices are listed, and what is closed may be tried; the GPUs then."""
    await world.listed()
    await world.runtimes.renew()
    return [device.name for device in await world.listed()]


def _tell(world: World, driver: str, **script: str) -> None:
    world.script(**{"vulkan0": "good", "cuda0": "good", **script, "driver": driver})


def test_a_gpu_that_passed_is_tried_again_under_another_driver_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            _tell(world, OLD)
            assert await _start(world) == ["vulkan0", "CPU"]
            _tell(world, OLD, vulkan0="crash")
            same = await _start(world)
            _tell(world, NEW, vulkan0="crash")
            other = await _start(world)

            assert (same, other) == (["vulkan0", "CPU"], ["CPU"])
            assert world.devices.pinned == {CARD}
            assert [proof.pair.driver for proof in world.store.record.proofs] == [NEW]

    asyncio.run(scene())


def test_a_gpu_that_was_switched_off_is_used_again_when_another_driver_mends_it(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            _tell(world, OLD, vulkan0="wrong")
            assert await _start(world) == ["CPU"]
            _tell(world, NEW)

            assert await _start(world) == ["vulkan0", "CPU"]
            assert world.notices() == []

    asyncio.run(scene())


@pytest.mark.parametrize(
    "script", [{"at_load": "cuda"}, {"cuda0": "wrong"}], ids=["ended the engine", "was wrong"]
)
@pytest.mark.parametrize(("driver", "is_used"), [(OLD, False), (NEW, True)])
def test_a_pack_that_failed_is_tried_at_a_start_under_another_driver_alone(
    tmp_path: Path, script: dict[str, str], driver: str, is_used: bool
) -> None:
    key = PublishersKey()

    async def scene() -> None:
        async with world_at(tmp_path, key=key) as world:
            world.publish_cuda()
            _tell(world, OLD, **script)
            await world.runtimes.install("cuda13")
            assert (await world.done()).has_failed
        async with world_at(tmp_path, key=key) as world:
            _tell(world, driver)

            names = await _start(world)

            assert names == ["cuda0" if is_used else "vulkan0", "CPU"]
            assert (world.notices() == []) == is_used

    asyncio.run(scene())


def test_a_module_inside_that_ended_the_engine_is_opened_again_under_another_driver(
    tmp_path: Path,
) -> None:
    key = PublishersKey()

    async def scene() -> None:
        async with world_at(tmp_path, key=key) as world:
            _tell(world, OLD, at_load="vulkan")
            assert await _start(world) == ["CPU"]
        async with world_at(tmp_path, key=key) as world:
            _tell(world, OLD)
            assert await _start(world) == ["CPU"]
        async with world_at(tmp_path, key=key) as world:
            _tell(world, NEW)
            assert await _start(world) == ["vulkan0", "CPU"]

    asyncio.run(scene())


def test_a_pack_that_fails_under_the_new_driver_too_is_not_tried_at_each_start(
    tmp_path: Path,
) -> None:
    key = PublishersKey()

    async def scene() -> tuple[tuple[Proof, ...], tuple[Proof, ...]]:
        async with world_at(tmp_path, key=key) as world:
            world.publish_cuda()
            _tell(world, OLD, at_load="cuda")
            await world.runtimes.install("cuda13")
            await world.done()
        async with world_at(tmp_path, key=key) as world:
            _tell(world, NEW, at_load="cuda")
            await _start(world)
            again = world.store.record.proofs
        async with world_at(tmp_path, key=key) as world:
            _tell(world, NEW)
            await _start(world)
            return again, world.store.record.proofs

    again, later = asyncio.run(scene())

    assert {proof.pair.driver for proof in again} == {NEW}
    assert set(later) == set(again)


def test_a_record_of_a_version_without_drivers_is_read_and_its_gpus_are_tried_once(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            _tell(world, OLD)
            await _start(world)
            raw = msgspec.to_builtins(world.store.record)
            for proof in raw["proofs"]:
                del proof["pair"]["driver"]
            (world.store.folder / "record.json").write_bytes(msgspec.json.encode(raw))
        async with world_at(tmp_path) as world:
            assert [proof.pair.driver for proof in world.store.record.proofs] == [""]
            _tell(world, OLD)
            assert await _start(world) == ["vulkan0", "CPU"]
            assert [proof.pair.driver for proof in world.store.record.proofs] == [OLD]

    asyncio.run(scene())
