"""Laws of callers that go, and of a host that dies: money is where it belongs afterwards."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.server.host.pools import Gate, Pool, chat, pool, workers
from tests.support.pool_host import running_host
from tests.support.pool_worker import Worker

TEXT = "a long answer, byte by byte"
QUICK = ("--grace-members-seconds", "0.2", "--heartbeat-members-seconds", "1")


async def left_at(club: Pool, gate: Gate) -> None:
    """A client that reads the beginning of a stream and goes when the gate is reached."""
    body = chat(TEXT, stream=True)
    async with club.api() as api, api.stream("POST", "/chat/completions", json=body) as answer:
        answer.raise_for_status()
        # A generator that is dropped closes the answer, and with it the connection, too early.
        lines = answer.aiter_lines()
        if gate.at:
            await anext(lines)
        async with asyncio.timeout(30):
            await gate.reached.wait()
    # Out of the block the connection is closed.


@pytest.mark.parametrize("at", [0, 1, 10])
def test_a_client_that_goes_pays_for_what_was_made_and_the_worker_stops(
    tmp_path: Path, at: int
) -> None:
    async def act() -> Worker:
        gate = Gate(at)
        async with workers(club, "box", before=gate) as (box,):
            leaving = asyncio.create_task(left_at(club, gate))
            reached = asyncio.create_task(gate.reached.wait())
            await asyncio.wait({leaving, reached}, return_when=asyncio.FIRST_COMPLETED)
            assert gate.reached.is_set(), leaving.exception()
            if at == 0:
                leaving.cancel()
            await asyncio.wait({leaving})
            await box.until(lambda: any(a.is_cancelled for a in box.attempts))
            await box.until(lambda: len(box.verdicts) == 1)
            return box

    with pool(tmp_path, *QUICK) as club:
        before, _ = club.available()
        box = asyncio.run(act())

        after, held = club.available()
        (attempt,) = box.attempts
        assert held == 0
        prompt = attempt.prompt * 0.1 if at else 0.0
        assert abs(before - after - (prompt + len(attempt.tokens) * 0.4)) <= 0.5
        with club.host.client() as client:
            assert client.audit().holds


def test_a_host_that_is_killed_in_mid_answer_pays_by_receipts_and_holds_nothing(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        gate = Gate(10)
        async with workers(club, "box", before=gate) as (box,):
            asking = asyncio.create_task(left_at(club, gate))
            await asyncio.wait_for(gate.reached.wait(), 60)
            club.host.process.kill()
            await asyncio.wait({asking})
            # The same address again: members come back by themselves.
            port = str(httpx.URL(club.host.base_url).port)
            with running_host(club.host.home, "--port", port, *QUICK) as again:
                club.host = again
                gate.opened.set()
                await box.until(lambda: len(box.over_words) > 0)
                (attempt,) = box.attempts
                await box.until(lambda: attempt.task is not None and attempt.task.done())
                box.finish(attempt, "completed")
                await box.until(lambda: len(box.verdicts) == 1)
                balance, held = club.available()
                assert held == 0
                assert 0 < 100_000_000 - balance <= len(TEXT) * 0.4 + attempt.prompt * 0.1 + 1
                with again.client() as client:
                    assert client.audit().holds

    with pool(tmp_path, *QUICK) as club:
        asyncio.run(act())


def test_a_host_that_is_told_to_stop_lets_the_answer_under_way_finish(tmp_path: Path) -> None:
    async def act() -> str:
        gate = Gate(5)
        async with workers(club, "box", before=gate) as (box,), club.api() as api:
            asking = asyncio.create_task(api.post("/chat/completions", json=chat(TEXT)))
            await asyncio.wait_for(gate.reached.wait(), 60)
            club.host.process.terminate()
            await asyncio.wait_for(refused(club), 60)
            gate.opened.set()
            answer = await asyncio.wait_for(asking, 60)
            await box.until(lambda: len(box.verdicts) == 1)
            return str(answer.json()["choices"][0]["message"]["content"])

    with pool(tmp_path) as club:
        assert asyncio.run(act()) == TEXT
        assert club.host.process.wait(60) == 0


async def refused(club: Pool) -> None:
    """Returns when the host takes no new connection."""
    address = httpx.URL(club.host.base_url)
    while True:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            return
        writer.close()
        await asyncio.sleep(0)
