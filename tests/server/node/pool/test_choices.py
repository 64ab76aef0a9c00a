"""Laws of several choices of the pool: a job each for the host, one answer for the client."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import Unserved
from app.core.base.units import Micros
from app.server.engine_child.engine_process import StreamEvent
from app.server.node.pool.lessor import Lessor
from app.wire.engine import Begun, Completed, Delta, Ended, Generate, Refused
from app.wire.pool import Ask, CancelAsk, Told
from app.wire.remarks import Remarks
from tests.server.node.homes import request_id, run, saying, text_of
from tests.server.node.pool.members import Home
from tests.server.node.pool.spenders import answer, spender


async def two_of(home: Home, key: str = "") -> tuple[list[StreamEvent], Remarks]:
    """All that a client hears who asks for two choices."""
    async with Lessor(home.node.router, home.pool, key=key).lease("pool/large") as link:
        generate = replace(saying("hello"), choices=2)
        return [event async for event in link.stream(generate)], link.remarks


def test_each_choice_is_a_job_of_its_own_and_the_client_hears_one_answer(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            asking = asyncio.create_task(two_of(home))
            asks = [await answer(home, text=text) for text in ("one", "two")]
            events, remarks = await asking

            bodies = [ask.body for ask in asks if isinstance(ask.body, Generate)]
            assert [body.choices for body in bodies] == [1, 1]
            assert len({body.sampling.seed for body in bodies} - {None}) == 2
            told = {e.choice: text_of(e) for e in events if isinstance(e, Delta)}
            assert sorted(told) == [0, 1] and sorted(told.values()) == ["one", "two"]
            assert sorted(e.choice for e in events if isinstance(e, Ended)) == [0, 1]
            assert sum(isinstance(event, Begun) for event in events) == 1
            (whole,) = [event for event in events if isinstance(event, Completed)]
            assert whole is events[-1] and (whole.usage.prompt, whole.usage.completion) == (7, 4)
            assert remarks.cost == 140
            assert set(remarks.job.split(",")) == {ask.job for ask in asks}

    run(act())


def test_the_choices_of_one_request_share_what_it_may_cost(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path, spend_request_max="0.0005") as home:
            asking = asyncio.create_task(two_of(home))
            asks = [await answer(home, cost=10**6) for _ in range(2)]

            assert [ask.cost_max for ask in asks] == [250, 250]
            assert (await asking)[1].cost == 500

    run(act())


def test_a_client_that_leaves_cancels_every_choice(tmp_path: Path) -> None:
    async def act() -> None:
        async with (
            spender(tmp_path) as home,
            Lessor(home.node.router, home.pool).lease("pool/large") as link,
        ):
            events = link.stream(replace(saying("hello"), choices=2))
            first = asyncio.ensure_future(anext(aiter(events)))
            asks = [await home.host.expect(Ask) for _ in range(2)]
            begun = Begun(request=request_id(), prompt_tokens=7)
            await home.host.send(Told(job=asks[0].job, events=[begun]))
            await first

            await events.aclose()  # type: ignore[attr-defined]

            cancelled = {(await home.host.expect(CancelAsk)).job for _ in range(2)}
            assert cancelled == {ask.job for ask in asks}

    run(act())


def test_a_choice_that_is_refused_ends_the_others_with_its_error(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            asking = asyncio.create_task(two_of(home))
            asks = [await home.host.expect(Ask) for _ in range(2)]
            refused = Refused(request=request_id(), kind="unserved", message="so it is")
            told = Told(job=asks[0].job, events=[refused], is_last=True, cost=Micros(0))
            await home.host.send(told)

            with pytest.raises(Unserved, match="so it is"):
                await asking
            assert (await home.host.expect(CancelAsk)).job == asks[1].job

    run(act())


def test_with_one_key_each_choice_has_the_same_name_again(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            names = []
            for _ in range(2):
                asking = asyncio.gather(two_of(home, "mine"), return_exceptions=True)
                asks = [await home.host.expect(Ask) for _ in range(2)]
                for ask in asks:
                    await home.host.send(Told(job=ask.job, events=[], is_last=True))
                await asking
                names.append({ask.job.partition("-")[0] for ask in asks})

            assert names[0] == names[1] and len(names[0]) == 2

    run(act())
