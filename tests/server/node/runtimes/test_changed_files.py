"""A pack whose files are not what was signed is used by nothing, and says so until it is mended."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.runtime.packs import Pack
from app.server.hardware.devices import Devices
from app.server.hardware.gpu_watch import NoGpu
from app.server.node.runtimes.verified import Verified
from app.wire.runtime import PackPicture
from tests.server.node.runtimes.world import World, world_at
from tests.support.packs import LIBRARY, MODULE, pack_of
from tests.support.release_keys import PublishersKey

FILES = {"libggml-cuda.so": MODULE + b"1.0", "libneeded.so.1": LIBRARY}
PACK = pack_of("1.0", system="linux-x86_64", build="1")[0]
CHANGED = "the file libggml-cuda.so of NVIDIA CUDA 13 is not what was installed"


def _unpacked(folder: Path) -> Path:
    """The pack's files below `folder`, read for the first time; the module among them."""
    (folder / PACK.id).mkdir()
    for name, content in FILES.items():
        (folder / PACK.id / name).write_bytes(content)
    assert Verified(folder).fault(PACK) == ""
    return folder / PACK.id / "libggml-cuda.so"


def _spoil_unseen(path: Path) -> None:
    """Another content under the same size, time and inode, as a bad disk gives it."""
    told = path.stat()
    with path.open("r+b") as file:
        file.write(b"T")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(10)


def _replace(path: Path) -> None:
    """Another file of the same size and time in its place."""
    told = path.stat()
    beside = path.with_name("beside")
    beside.write_bytes(bytes(told.st_size))
    os.utime(beside, ns=(told.st_atime_ns, told.st_mtime_ns))
    beside.replace(path)


@pytest.mark.parametrize("spoil", [_cut, _replace, lambda path: path.write_bytes(b"another")])
def test_a_file_that_was_changed_is_found_by_what_the_system_tells_of_it(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(_unpacked(tmp_path))

    assert Verified(tmp_path).fault(PACK) == CHANGED
    assert {seen.name for seen in Verified(tmp_path).seen(PACK)} == {"libneeded.so.1"}


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    _unpacked(tmp_path).unlink()

    assert Verified(tmp_path).fault(PACK) == "the file libggml-cuda.so of NVIDIA CUDA 13 is missing"


def test_a_file_that_only_got_another_time_is_the_same_one(tmp_path: Path) -> None:
    module = _unpacked(tmp_path)
    os.utime(module, ns=(1, 1))
    verified = Verified(tmp_path)

    assert verified.fault(PACK) == ""
    assert {seen.name: seen.modified_ns for seen in verified.seen(PACK)}[module.name] == 1


def test_what_the_system_does_not_tell_is_found_by_reading_and_remembered(tmp_path: Path) -> None:
    _spoil_unseen(_unpacked(tmp_path))
    verified = Verified(tmp_path)

    assert verified.fault(PACK) == ""
    assert verified.fault(PACK, anew=True) == CHANGED
    assert Verified(tmp_path).fault(PACK) == CHANGED


async def _installed(world: World) -> Pack:
    pack = world.publish_cuda()
    await world.runtimes.install("cuda13")
    picture = await world.done()
    assert not picture.has_failed, picture.told
    return pack


async def _cuda(world: World) -> PackPicture:
    packs = (await world.runtimes.picture()).packs
    return next(pack for pack in packs if pack.id == "cuda13-1.0")


def test_a_pack_that_was_changed_is_not_used_after_a_restart_and_is_mended_by_an_install(
    tmp_path: Path,
) -> None:
    key = PublishersKey()

    async def scene() -> None:
        async with world_at(tmp_path, key=key) as world:
            pack = await _installed(world)
        _cut(world.store.folder / pack.id / "libneeded.so.1")
        async with world_at(tmp_path, key=key) as world:
            assert [each.name for each in await world.listed()] == ["vulkan0", "CPU"]
            shown = await _cuda(world)
            assert (shown.status, shown.is_in_use) == ("damaged", False)
            assert (
                shown.reason
                == "the file libneeded.so.1 of NVIDIA CUDA 13 is not what was installed"
            )
            assert any(shown.reason in words for words in world.notices())
            await _installed(world)
            assert [each.name for each in await world.listed()] == ["cuda0", "CPU"]
            assert (await _cuda(world)).is_in_use
            assert world.notices() == []

    asyncio.run(scene())


def test_a_pack_that_is_changed_under_a_running_server_is_not_used_by_the_next_engine(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            pack = await _installed(world)
            devices = Devices(world.engine, watch=NoGpu(), judge=world.prover, fresh_seconds=1e6)
            before = await devices.now()
            _cut(world.store.folder / pack.id / "libggml-cuda.so")
            after = await devices.now()

            assert [[each.name for each in listed] for listed in (before, after)] == [
                ["cuda0", "CPU"],
                ["vulkan0", "CPU"],
            ]
            assert world.store.plan().packs == ()

    asyncio.run(scene())


def test_before_a_trial_every_file_is_read_so_that_a_bad_disk_is_not_the_gpus_fault(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            pack = await _installed(world)
            _spoil_unseen(world.store.folder / pack.id / "libggml-cuda.so")
            world.script(vulkan0="good", cuda0="crash")
            assert world.devices.doubt()

            listed = await world.listed()

            assert [each.name for each in listed] == ["vulkan0", "CPU"]
            assert (await _cuda(world)).reason == CHANGED
            assert world.devices.pinned == frozenset()

    asyncio.run(scene())


def test_a_damaged_pack_that_ends_the_engine_is_found_and_the_others_are_used(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            pack = await _installed(world)
            _spoil_unseen(world.store.folder / pack.id / "libggml-cuda.so")
            world.script(vulkan0="good", cuda0="good", at_load="cuda")

            listed = await world.listed()

            assert [each.name for each in listed] == ["vulkan0", "CPU"]
            assert (await _cuda(world)).status == "damaged"

    asyncio.run(scene())
