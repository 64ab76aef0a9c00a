"""A storm: many clients, kills, unloads and reloads at once, from one seed; nothing is lost."""

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import AthanorError
from app.core.base.ids import ModelName
from app.core.state.backoff import Backoff
from app.server.node.engine import EngineLimits
from app.wire.engine import Delta
from tests.server.node.homes import Node, answer, engines_running, node, run, saying, toy

NAMES = ("one", "two", "three")
LIMITS = EngineLimits(
    loaded_max=2, patience=0.1, keep_alive=0.3, backoff=Backoff(base_seconds=0.01, cap_seconds=0.05)
)


async def ask_until_answered(n: Node, name: str, text: str) -> None:
    """A client as they are: it tries again when it is told to. No answer is ever wrong."""
    while True:
        try:
            async with n.router.lease(name) as link:
                assert await answer(link, text) == text
                return
        except AthanorError:
            await n.hub.bell.wait(0.05)


async def leave_early(n: Node, name: str, chance: random.Random) -> None:
    with contextlib.suppress(AthanorError):
        async with n.router.lease(name) as link:
            async for event in link.stream(saying("x" * 500)):
                if isinstance(event, Delta) and chance.random() < 0.2:
                    return


async def interfere(n: Node, chance: random.Random) -> None:
    """Kill, unload, reload by other wishes, or leave in the middle."""
    name = chance.choice(NAMES)
    process = n.engines.engine(ModelName(name)).process
    match chance.randrange(5):
        case 0 | 1:
            if process is not None and process.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, chance.choice([signal.SIGKILL, signal.SIGABRT]))
        case 2:
            await n.router.unload(name)
        case 3:
            wishes = replace(n.router.wishes, context=chance.choice([1024, 2048]))
            with contextlib.suppress(AthanorError):
                await n.router.load(name, wishes)
        case _:
            await leave_early(n, name, chance)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_client_is_answered_in_the_end_and_nothing_is_left(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for name in NAMES:
        toy(tmp_path, name, step_seconds=0.002)

    async def test() -> None:
        async with node(tmp_path, limits=LIMITS) as n:

            async def disturb() -> None:
                for _ in range(12):
                    await interfere(n, chance)
                    await n.hub.bell.wait(chance.random() / 4)

            async with asyncio.TaskGroup() as group:
                disturbing = [group.create_task(disturb()) for _ in range(2)]
                for number in range(30):
                    name = chance.choice(NAMES)
                    group.create_task(ask_until_answered(n, name, f"number {number}"))
                await asyncio.wait(disturbing)

            assert n.hub.state.requests == {}
            for name in NAMES:
                assert n.engines.engine(ModelName(name)).leases == 0
        assert engines_running() == []

    run(test())
