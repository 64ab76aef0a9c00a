"""Laws of a session that a newer one of the same device replaces: nobody is shut out by it."""

import asyncio
from pathlib import Path

from app.core.base.ids import JobId, RequestId
from app.core.base.units import Micros
from app.wire.engine import Generate, PromptChat
from app.wire.pool import Ask
from tests.server.host.pools import Gate, Pool, pool
from tests.server.host.test_asks_of_before import Asker
from tests.support.pool_worker import Worker, offered
from tests.support.worker_engine import engine_compute


def asked(name: str) -> Ask:
    prompt = PromptChat(messages=[{"role": "user", "content": "a long answer"}])
    body = Generate(request=RequestId(name), prompt=prompt, max_tokens=200)
    return Ask(job=JobId(name), model="echo", body=body, cost_max=Micros(1000), circle="own")


def waiting(club: Pool) -> int:
    """Requests in line, as the operator sees them."""
    with club.host.client() as client:
        (model,) = client.pool_offers().models
    return model.waiting


def test_a_node_that_is_killed_while_it_waits_for_its_own_machine_comes_in_again(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        gate = Gate(3)
        async with engine_compute(club.model) as compute:
            invite, models = club.host.invite("caller"), (offered(club.sha256, slots=1),)
            box = Worker(tmp_path / "own", "box", invite, models, compute, before=gate)
            async with box.running(), Asker(club, compute).running() as asker:
                asker.link.send(asked("at-the-machine"))
                await asyncio.wait_for(gate.reached.wait(), 60)
                asker.link.send(asked("in-the-line"))
                async with asyncio.timeout(60):
                    while not await asyncio.to_thread(waiting, club):
                        pass
                asker.vanish()

                async with Asker(club, compute).running() as again:
                    assert isinstance(again, Asker)
                    await again.until(lambda: len(again.told) == 2)

                told = {(one.job, one.is_last, one.cost) for one in again.told}
                assert told == {("in-the-line", True, 0), ("at-the-machine", True, 0)}
                assert not again.over_words

    with pool(tmp_path, "--queue-seconds", "60") as club:
        asyncio.run(act())
        assert club.host.process.poll() is None
