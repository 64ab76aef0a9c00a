"""Members that asked before the host died are told what the answer cost: what the books say."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.core.base.ids import JobId, RequestId
from app.core.base.units import Micros
from app.wire.engine import Generate, PromptChat
from app.wire.message import Message
from app.wire.pool import Ask, CancelAsk, Told
from tests.server.host.pools import Gate, Pool, pool, workers
from tests.support.pool_host import running_host
from tests.support.pool_worker import Worker
from tests.support.worker_engine import engine_compute

JOB = JobId("asked-before")
TEXT = "a long answer, byte by byte"
QUICK = ("--grace-members-seconds", "0.2", "--heartbeat-members-seconds", "1")


class Asker(Worker):
    """A machine that only asks."""

    def __init__(self, club: Pool, compute: Callable[..., object]) -> None:
        invite = club.host.invite("caller")
        super().__init__(club.folder / "askers", "asker", invite, (), compute)  # type: ignore[arg-type]
        self.told: list[Told] = []

    async def heard(self, frame: Message) -> None:
        if isinstance(frame, Told):
            self.told.append(frame)
        await super().heard(frame)

    def ask(self) -> None:
        prompt = PromptChat(messages=[{"role": "user", "content": TEXT}])
        body = Generate(request=RequestId("r"), prompt=prompt, max_tokens=200)
        self.link.send(Ask(job=JOB, model="echo", body=body, cost_max=Micros(1_000_000)))

    async def last(self) -> Told:
        await self.until(lambda: bool(self.told) and self.told[-1].is_last)
        return self.told[-1]


async def returned(machine: Worker) -> None:
    """Until it has a session with the new host."""
    await machine.until(
        lambda: bool(machine.over_words) and machine.lives_words[-1].startswith("connected")
    )


@pytest.mark.parametrize("at", [10, 10_000])
def test_an_ask_of_a_host_that_was_killed_costs_what_the_books_say(tmp_path: Path, at: int) -> None:
    async def act() -> None:
        gate = Gate(at)
        async with (
            workers(club, "box", before=gate) as (box,),
            engine_compute(club.model) as compute,
            Asker(club, compute).running() as asker,
        ):
            assert isinstance(asker, Asker)
            before, _ = club.available()
            asker.ask()
            if at < len(TEXT):
                await asyncio.wait_for(gate.reached.wait(), 60)
            else:
                await asker.last()
            asker.told.clear()
            club.host.process.kill()
            club.host.process.wait()
            port = str(httpx.URL(club.host.base_url).port)
            with running_host(club.host.home, "--port", port, *QUICK) as club.host:
                for machine in (asker, box):
                    await returned(machine)
                asker.link.send(CancelAsk(job=JOB))
                gate.opened.set()
                (attempt,) = box.attempts
                await box.until(lambda: attempt.task is not None and attempt.task.done())
                if at < len(TEXT):
                    box.finish(attempt, "completed")
                told = await asker.last()
                balance, held = club.available()

                assert told.cost == before - balance > 0
                assert held == 0
                assert told.receipt == attempt.offer.job
                assert told.events, "whoever waits for the answer is told that it is not kept"

    with pool(tmp_path, *QUICK) as club:
        asyncio.run(act())
