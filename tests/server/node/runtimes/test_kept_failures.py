"""A pack that cannot be used stays on the disk, is opened by no engine, and says why, for good."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from app.cli.runtime import runtime
from app.core.runtime.record import EVERY, Pair, Proof, RuntimeRecord, with_proof
from app.wire.runtime import PackPicture, RuntimePicture
from tests.server.node.runtimes.world import World, world_at
from tests.support.release_keys import PublishersKey


def _cuda(picture: RuntimePicture) -> PackPicture:
    return next(pack for pack in picture.packs if pack.id == "cuda13-1.0")


async def _install(world: World, **script: str) -> RuntimePicture:
    world.publish_cuda()
    world.script(**{"vulkan0": "good", "cuda0": "good", **script})
    await world.runtimes.install("cuda13")
    return await world.done()


@pytest.mark.parametrize(
    ("script", "told", "reason"),
    [
        ({"at_load": "cuda"}, "ends the engine", "it crashed in native code"),
        ({"hangs_at_load": "cuda"}, "hangs when it is opened", "could not be opened (no answer"),
        ({"gpus": "vulkan"}, "finds no GPU", "it finds no GPU"),
        ({"cuda0": "wrong"}, "failed its trial", "it computes other answers"),
    ],
)
def test_a_pack_that_failed_at_its_install_is_kept_and_tells_why_after_a_restart(
    tmp_path: Path, script: dict[str, str], told: str, reason: str
) -> None:
    key = PublishersKey()

    async def scene() -> tuple[RuntimePicture, RuntimePicture]:
        limit = 10.0 if "hangs_at_load" in script else 60.0
        async with world_at(tmp_path, key=key, report_seconds_max=limit) as world:
            installed = await _install(world, **script)
        async with world_at(tmp_path, key=key) as world:
            world.script(**{"vulkan0": "good", "cuda0": "good", **script})
            assert await world.gpus() == ["inside vulkan"]
            assert world.store.plan().packs == ()
            return installed, await world.runtimes.picture()

    installed, restarted = asyncio.run(scene())

    assert installed.has_failed and told in installed.told
    assert "`athanor runtime test cuda13-1.0` tries it again" in installed.told
    shown = _cuda(restarted)
    assert (shown.status, shown.is_in_use) == ("installed", False)
    assert [(trial.is_good, reason in trial.reason) for trial in shown.trials] == [(False, True)]


def test_a_pack_that_ended_the_engine_is_used_after_a_test_that_passes(tmp_path: Path) -> None:
    async def scene() -> tuple[RuntimePicture, list[str], list[str]]:
        async with world_at(tmp_path) as world:
            await _install(world, at_load="cuda")
            await world.listed()
            before = world.notices()
            world.script(vulkan0="good", cuda0="good")
            await world.runtimes.test("cuda13")
            return await world.done(), before, world.notices()

    picture, before, after = asyncio.run(scene())

    assert not picture.has_failed, picture.told
    assert _cuda(picture).is_in_use
    assert any(f"CUDA on {EVERY}: it crashed" in words for words in before)
    assert after == []


def test_what_is_proved_while_a_pack_is_removed_is_kept(tmp_path: Path) -> None:
    """Deleting a pack takes seconds, in which models load and GPUs fail."""

    async def scene() -> RuntimeRecord:
        async with world_at(tmp_path) as world:
            await _install(world)
            await world.listed()
            await world.runtimes.remove("cuda13")
            await asyncio.sleep(0)  # From here on the removal goes on in a thread.
            pair = Pair(device=EVERY, backend="vulkan", pack="", build="meanwhile")
            proof = Proof(pair=pair, is_good=False, at=0.0, reason="it crashed")
            world.store.change(lambda record: with_proof(record, proof))
            assert not (await world.done()).has_failed
            return world.store.record

    record = asyncio.run(scene())

    assert "meanwhile" in [proof.pair.build for proof in record.proofs]
    assert not [proof for proof in record.proofs if proof.pair.pack]


def test_what_the_notice_of_a_failure_names_can_be_typed_and_tries_each_again(
    tmp_path: Path,
) -> None:
    async def scene() -> tuple[list[str], list[str]]:
        async with world_at(tmp_path) as world:
            await _install(world, vulkan0="wrong", cuda0="crash")
            await world.listed()
            (remedy,) = [notice.remedy for notice in world.hub.state.notices]
            commands = re.findall("`(.*?)`", remedy)
            world.script(vulkan0="good", cuda0="good")
            for command in commands:
                words = shlex.split(command)
                assert words[:3] == ["athanor", "runtime", "test"]
                typed = runtime.commands["test"].make_context("test", words[3:])
                await world.runtimes.test(typed.params["pack"])
                await world.done()
            return commands, world.notices()

    commands, left = asyncio.run(scene())

    assert len(commands) == 2
    assert left == []


def test_a_pack_that_passed_stays_in_force_where_its_gpu_is_only_away(tmp_path: Path) -> None:
    async def scene() -> tuple[RuntimePicture, list[str]]:
        async with world_at(tmp_path) as world:
            await _install(world)
            world.script(vulkan0="good", cuda0="good", gpus="vulkan")
            await world.runtimes.test("cuda13")
            return await world.done(), [each.pack for each in world.store.plan().packs]

    picture, planned = asyncio.run(scene())

    assert picture.has_failed and "finds no GPU" in picture.told
    assert planned == ["cuda13-1.0"]
