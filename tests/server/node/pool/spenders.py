"""A node that may spend, what it asks, and how a scripted host answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.core.base.units import Micros
from app.server.node.pool.lessor import Lessor
from app.wire.engine import Begun, Completed, Delta, Ended, Said, Timings, Usage
from app.wire.pool import Ask, Look, Market, Quote, Sealed, Told
from app.wire.remarks import Remarks
from tests.server.node.homes import request_id, saying, text_of
from tests.server.node.pool.members import Home, joined

QUOTE = Quote(
    model="large",
    sha256="a" * 64,
    context=1000,
    prices=(Micros(1_000_000), Micros(500_000), Micros(2_000_000)),
    wait_seconds=0.0,
    workers=1,
)
"""A request of a full context costs 3,000 micros at most."""


@asynccontextmanager
async def spender(folder: Path, **settings: object) -> AsyncIterator[Home]:
    """A node that may spend, in a pool that serves `large`."""
    async with joined(folder) as home:
        home.change(**{"spending": "prefix", "trust": "anyone", **settings})
        await home.host.expect(Look)
        await home.host.send(Market(quotes=(QUOTE,)))
        assert home.pool.member is not None
        while not home.pool.member.market.is_known:
            await home.node.hub.bell.wait(0.05)
        yield home


async def ask_for(home: Home, name: str = "pool/large", **lessor: object) -> tuple[str, Remarks]:
    """The whole answer and what is remarked of it at its end."""
    async with Lessor(home.node.router, home.pool, **lessor).lease(name) as link:  # type: ignore[arg-type]
        events = [event async for event in link.stream(saying("hello"))]
        return "".join(text_of(e) for e in events if isinstance(e, Delta)), link.remarks


async def answer(home: Home, *, text: str = "hi there", cost: int = 70) -> Ask:
    """The host answers the next ask, in several words."""
    ask = await home.host.expect(Ask)
    request = ask.body.request if not isinstance(ask.body, Sealed) else request_id()
    await home.host.send(Told(job=ask.job, events=[Begun(request=request, prompt_tokens=7)]))
    for piece in text.split(" "):
        delta = Delta(request=request, choice=0, parts=[Said(text=piece)])
        await home.host.send(Told(job=ask.job, events=[delta], served_by="ben"))
    usage = Usage(prompt=7, cached=0, completion=2)
    timings = Timings(queue_ms=0, prompt_ms=0, decode_ms=0)
    completed = Completed(request=request, usage=usage, timings=timings)
    ended = Ended(request=request, choice=0, reason="stop")
    await home.host.send(Told(job=ask.job, events=[ended, completed]))
    await home.host.send(
        Told(job=ask.job, events=[], is_last=True, cost=Micros(cost), receipt="r1", served_by="ben")
    )
    return ask
