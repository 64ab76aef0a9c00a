"""A back end is in use when models that load now compute by it, and no sooner."""

import asyncio
from pathlib import Path

from tests.server.node.runtimes.world import world_at


def test_a_back_end_that_finds_no_gpu_is_not_in_use_and_says_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            world.script(gpus="none")

            await world.listed()
            picture = await world.runtimes.picture()

            shown = {pack.id: (pack.is_in_use, pack.reason) for pack in picture.packs}
            assert shown == {"vulkan": (False, "finds no GPU"), "cpu": (True, "")}

    asyncio.run(scene())


def test_a_back_end_is_in_use_when_its_gpu_has_passed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with world_at(tmp_path) as world:
            untried = await world.runtimes.picture()
            await world.listed()
            tried = await world.runtimes.picture()

            vulkan = [next(p for p in each.packs if p.id == "vulkan") for each in (untried, tried)]
            assert [(p.is_in_use, p.reason) for p in vulkan] == [
                (False, "not tried yet"),
                (True, ""),
            ]

    asyncio.run(scene())
