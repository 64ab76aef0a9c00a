"""Back ends of a node: what is tried, pinned, installed, used, and what a failure leaves behind.

Engines are a script in real child processes, the publisher's server a real one on this machine.
"""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import Busy, HubRefused, RemoteNotFound
from app.core.release.keys import Publisher
from app.server.node.runtimes.fetching import opener_of
from app.server.node.runtimes.store import Store
from tests.server.node.runtimes.engine_script import CARD
from tests.server.node.runtimes.world import NOW, World, world_at
from tests.support.release_keys import PublishersKey, verify_release


def test_a_new_gpu_is_tried_once_and_then_used(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            first = await world.gpus()
            record = world.store.record
            second = await world.gpus()

            assert first == second == ["inside vulkan"]
            assert world.store.record == record
            assert world.devices.pinned == frozenset()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("crash", "crashed in native code"),
        ("wrong", "it computes other answers"),
        ("hang", "it did not answer within 1 s"),
    ],
)
def test_a_gpu_that_fails_is_switched_off_and_the_owner_reads_why(
    tmp_path: Path, how: str, reason: str
) -> None:
    async def scene() -> None:
        limit = 1.0 if how == "hang" else 60.0
        async with world_at(tmp_path, trial_seconds_max=limit) as world:
            world.script(vulkan0=how)

            listed = await world.listed()

            assert [device.kind for device in listed] == ["cpu"]
            assert world.devices.pinned == {CARD}
            assert any(reason in words and CARD in words for words in world.notices())
            picture = await world.runtimes.picture()
            (trial,) = next(p for p in picture.packs if p.id == "vulkan").trials
            assert not trial.is_good and reason in trial.reason

    asyncio.run(scene())


def test_a_gpu_that_was_switched_off_is_used_again_after_a_test_that_passes(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.script(vulkan0="crash")
            await world.listed()
            world.script(vulkan0="good")

            before = await world.gpus()
            await world.runtimes.test("vulkan")
            picture = await world.done()

            assert before == []
            assert await world.gpus() == ["inside vulkan"]
            assert not picture.has_failed and "passed its trial" in picture.told
            assert world.notices() == []

    asyncio.run(scene())


def test_an_installed_pack_is_tried_and_goes_before_what_is_inside(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            pack = world.publish_cuda()

            await world.runtimes.install("cuda13")
            picture = await world.done()

            assert not picture.has_failed, picture.told
            shown = picture.packs[0]
            assert (shown.id, shown.status, shown.is_in_use) == (pack.id, "installed", True)
            assert await world.gpus() == ["cuda13-1.0 cuda"]
            assert not (world.store.folder / ".work" / pack.id).exists()

    asyncio.run(scene())


def test_a_pack_that_fails_its_trial_leaves_the_gpu_to_what_was_used_before(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            world.script(vulkan0="good", cuda0="crash")

            await world.runtimes.install("cuda13")
            picture = await world.done()

            assert picture.has_failed and "failed its trial" in picture.told
            assert await world.gpus() == ["inside vulkan"]
            assert world.devices.pinned == {CARD}

    asyncio.run(scene())


def test_use_changes_nothing_where_the_trial_fails_and_can_be_taken_back(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            await world.listed()
            world.script(vulkan0="wrong")
            await world.runtimes.use("vulkan")
            refused = await world.done()
            world.script(vulkan0="good")
            await world.runtimes.use("vulkan")
            chosen = await world.done()
            await world.runtimes.use("back")
            back = await world.done()

            assert refused.has_failed and refused.wish == "auto"
            assert (chosen.wish, chosen.previous) == ("vulkan", "auto")
            assert back.wish == "auto"

    asyncio.run(scene())


def test_the_processor_alone_needs_no_trial_and_leaves_every_gpu(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.script()

            await world.runtimes.use("cpu")
            picture = await world.done()

            assert not picture.has_failed
            assert [device.kind for device in await world.listed()] == ["cpu"]
            assert [p.id for p in picture.packs if p.is_in_use] == ["cpu"]

    asyncio.run(scene())


def test_versions_lie_side_by_side_and_the_newer_is_used_until_it_is_removed(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            for number, version in enumerate(("1.9", "1.10"), 1):
                world.publish_cuda(version, number=number)
                await world.runtimes.look()
                await world.runtimes.install("cuda13")
                assert not (await world.done()).has_failed
            both = await world.gpus()
            await world.runtimes.use("cuda13-1.9")
            assert (await world.done()).wish == "cuda13-1.9"
            assert [each.pack for each in world.store.plan().packs] == ["cuda13-1.9"]
            await world.runtimes.use("cuda13")
            assert (await world.done()).wish == "cuda13-1.10"
            await world.runtimes.remove("cuda13-1.10")
            await world.done()

            assert both == ["cuda13-1.10 cuda", "cuda13-1.9 cuda"]
            assert [pack.id for pack in world.store.installed()] == ["cuda13-1.9"]
            assert await world.gpus() == ["cuda13-1.9 cuda"]

    asyncio.run(scene())


def test_a_file_that_was_changed_after_the_install_is_not_used(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            pack = world.publish_cuda()
            await world.runtimes.install("cuda13")
            await world.done()
            (world.store.folder / pack.id / "libggml-cuda.so").write_bytes(b"another")

            await world.runtimes.use("cuda13")
            picture = await world.done()

            assert picture.has_failed and "is not what was installed" in picture.told
            assert picture.wish == "auto"

    asyncio.run(scene())


def _changed(world: World) -> None:
    files = world.server.repositories["packs/place"].files
    files["list.json"] = files["list.json"].replace(b"NVIDIA CUDA 13", b"Nvidia CUDA 13")


def _by_another(world: World) -> None:
    world.key = PublishersKey("test-b")
    world.publish_cuda()


def _expired(world: World) -> None:
    world.publish(files={}, days=0)


def _old(world: World) -> None:
    world.store.change(lambda record: replace(record, number=7))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_changed, "changed after it was signed"),
        (_by_another, "signed by nobody"),
        (_expired, "too old"),
        (_old, "older than one that was seen"),
    ],
)
def test_a_list_that_cannot_be_believed_is_refused(
    tmp_path: Path, spoil: object, reason: str
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            spoil(world)  # type: ignore[operator]

            with pytest.raises(HubRefused, match=reason):
                await world.runtimes.look()

            assert world.store.manifest() is None

    asyncio.run(scene())


def test_an_archive_with_another_content_is_refused_and_nothing_is_installed(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            pack = world.publish_cuda()
            files = world.server.repositories["packs/place"].files
            name = pack.archives[0].name
            files[name] = files[name][::-1]

            await world.runtimes.install("cuda13")
            picture = await world.done()

            assert picture.has_failed and "another content" in picture.told
            assert world.store.installed() == []

    asyncio.run(scene())


def test_a_broken_install_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            world.server.status = None
            world.server.break_after = 65_536

            await world.runtimes.install("cuda13")
            picture = await world.done()

            assert not picture.has_failed, picture.told
            assert any(asked.range for asked in world.server.asked)

    asyncio.run(scene())


def test_one_order_at_a_time_and_what_is_not_there_is_said(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            await world.runtimes.picture()
            await world.runtimes.install("cuda13")
            with pytest.raises(Busy, match="one thing after the other"):
                await world.runtimes.use("auto")
            await world.done()

            for order in (world.runtimes.use, world.runtimes.test, world.runtimes.install):
                with pytest.raises(RemoteNotFound):
                    await order("nonsense")

    asyncio.run(scene())


def test_a_pack_for_another_machine_is_not_downloaded(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            world.hardware = replace(world.hardware, build="0.4.0-ggml0.30.0")

            with pytest.raises(RemoteNotFound, match="has no pack cuda13"):
                await world.runtimes.install("cuda13")
            with pytest.raises(RemoteNotFound, match="another version"):
                await world.runtimes.install("cuda13-1.0")

            assert [asked.path for asked in world.server.asked if ".zip" in asked.path] == []

    asyncio.run(scene())


def test_after_a_crash_on_a_gpu_it_is_tried_again_before_it_is_used(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            await world.listed()
            world.script(vulkan0="crash")

            assert world.devices.doubt()
            listed = await world.listed()

            assert [device.kind for device in listed] == ["cpu"]
            assert world.devices.pinned == {CARD}
            assert not world.devices.doubt()

    asyncio.run(scene())


@pytest.mark.parametrize("backend", ["cuda", "vulkan"])
def test_a_module_that_ends_every_engine_is_found_and_switched_off(
    tmp_path: Path, backend: str
) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            await world.runtimes.install("cuda13")
            await world.done()
            world.script(vulkan0="good", cuda0="good", at_load=backend)

            listed = await world.listed()

            assert [device.kind for device in listed] == ["gpu", "cpu"]
            assert any("when it was opened" in words for words in world.notices())
            world.script(vulkan0="good", cuda0="good")
            await world.runtimes.test("cuda13" if backend == "cuda" else "vulkan")
            assert not (await world.done()).has_failed
            assert world.notices() == []

    asyncio.run(scene())


def test_a_pack_whose_module_ends_the_engine_is_never_opened_by_one(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.publish_cuda()
            world.script(vulkan0="good", at_load="cuda")

            await world.runtimes.install("cuda13")
            picture = await world.done()

            assert picture.has_failed
            assert "ends the engine when it is opened: it crashed" in picture.told
            assert world.store.plan().packs == ()
            assert await world.gpus() == ["inside vulkan"]

    asyncio.run(scene())


def test_a_record_that_cannot_be_read_has_everything_tried_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            await world.listed()
            (world.store.folder / "record.json").write_bytes(b"\x00")

            store = Store(world.store.folder, opener_of(Publisher(), verify_release))

            assert store.record.proofs == ()
            assert world.store.record.proofs[0].at == NOW

    asyncio.run(scene())
