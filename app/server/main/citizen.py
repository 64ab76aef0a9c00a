"""Citizen: this node among the habits of its system: it says when it goes to sleep, and keeps the
computer awake while it answers.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from app.server.hardware.awake.awake import Awake
from app.server.hardware.surroundings.sleep_signals import signals_here
from app.server.node.awake_watch import AwakeWatch
from app.server.node.hub import Hub
from app.server.node.in_force import InForce
from app.server.node.neighbour import Neighbour
from app.server.node.pool.desk import PoolDesk
from app.server.node.sleep_watch import SleepWatch


@asynccontextmanager
async def citizen_of(
    in_force: InForce,
    hub: Hub,
    neighbour: Neighbour,
    pool: PoolDesk,
    now: Callable[[], float],
) -> AsyncGenerator[None, None]:
    """Both are watched inside the block."""

    async def after_sleep() -> None:
        neighbour.look_soon()
        await pool.wake()

    sleep = SleepWatch(signals_here, before=pool.rest, after=after_sleep)
    awake = AwakeWatch(
        hub,
        Awake(),
        wish=lambda: in_force.settings.neighbour.keep_awake,
        on_battery=lambda: neighbour.facts.on_battery,
        now=now,
    )
    neighbour.on_slept = sleep.slept
    async with asyncio.TaskGroup() as group:
        watching = [
            group.create_task(sleep.keep_watch(), name="sleep"),
            group.create_task(awake.keep_watch(), name="awake"),
        ]
        try:
            yield
        finally:
            for task in watching:
                task.cancel()
