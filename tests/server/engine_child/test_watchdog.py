"""Laws of the watchdog: who is silent is told of, and nobody else."""

import asyncio

import pytest

from app.server.engine_child.watchdog import Watchdog

PATIENCE = 0.05


@pytest.mark.parametrize(("late_seconds", "is_told_at_once"), [(60.0, True), (0.1, False)])
def test_silence_counts_anew_where_it_was_we_who_stood_still(
    late_seconds: float, is_told_at_once: bool
) -> None:
    told: list[float] = []

    async def act() -> bool:
        silent = asyncio.Event()

        def on_silence(seconds: float) -> None:
            told.append(seconds)
            silent.set()

        loop = asyncio.get_running_loop()
        dog = Watchdog(lambda: PATIENCE, on_silence, late_seconds=late_seconds)
        dog.expect()
        until = loop.time() + 0.3
        while loop.time() < until:  # as a process that was stopped
            pass
        for _ in range(2):  # what is due comes after what was ready
            await asyncio.sleep(0)
        is_told = silent.is_set()
        await silent.wait()
        return is_told

    assert asyncio.run(act()) == is_told_at_once
    assert told == [PATIENCE]
