"""A whole node without the web: real engine children with the toy backend, real SQLite."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from app.core.base.errors import Busy, EngineFailed
from app.core.base.ids import ModelName, RequestId
from app.core.models.wishes import Wishes
from app.core.state.engine_life import EngineLife
from app.core.state.node_state import NodeState
from app.observe.meters import Meters
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.gpu_watch import GpuWatch, NoGpu
from app.server.models.library import Library
from app.server.node.engine import EngineLimits
from app.server.node.engines import Engines
from app.server.node.hub import Hub
from app.server.node.link import EngineLink
from app.server.node.loader import Loader
from app.server.node.router import Router
from app.server.node.shelf import Shelf
from app.server.storage.database import Database
from app.server.storage.rungs import Rungs
from app.wire.engine import Delta, Generate, PromptChat, Said, Sampling

LIMIT_SECONDS = 60.0
"""On any test; none of them should come near it."""

NO_DEVICES = EngineProgram(
    command=(sys.executable, "-S", "-c", "print('[]')"), environment=dict(os.environ), folder="/"
)


def toy(folder: Path, name: str = "toy", **options: object) -> Path:
    """A toy model's file."""
    path = folder / f"{name}.toy"
    path.write_text(json.dumps(options))
    return path


class Node:
    """What tests reach of a node."""

    def __init__(
        self,
        hub: Hub,
        engines: Engines,
        router: Router,
        rungs: Rungs,
        *,
        devices: Devices,
        loader: Loader,
        shelf: Shelf,
    ) -> None:
        self.hub = hub
        self.engines = engines
        self.router = router
        self.rungs = rungs
        self.devices = devices
        self.loader = loader
        self.shelf = shelf
        self.now = time.monotonic

    def life(self, name: str = "toy") -> EngineLife:
        return self.hub.state.models[ModelName(name)].life

    def pid(self, name: str = "toy") -> int:
        process = self.engines.engine(ModelName(name)).process
        assert process is not None
        return process.pid

    async def ask(self, name: str, text: str) -> str:
        """The toy's whole answer, on a lease of its own."""
        async with self.router.lease(name) as link:
            return await answer(link, text)

    async def refusal(self, name: str) -> str:
        """What a long request is told instead of its answer; "" when it is answered."""
        try:
            await self.ask(name, "x" * 1000)
        except (Busy, EngineFailed) as error:
            return error.message
        return ""

    async def until(self, seen: Callable[[NodeState], bool]) -> NodeState:
        """The first state of which `seen` holds."""
        async for happened in self.hub.watch():
            if seen(happened.state):
                return happened.state
        raise AssertionError("the hub closed")

    async def until_life(self, kind: type[EngineLife], name: str = "toy") -> EngineLife:
        state = await self.until(lambda s: isinstance(s.models[ModelName(name)].life, kind))
        return state.models[ModelName(name)].life


@asynccontextmanager
async def node(
    folder: Path,
    *,
    limits: EngineLimits | None = None,
    requests_max: int = 256,
    default: str = "",
    program: EngineProgram | None = None,
    places: Sequence[Path] = (),
    lister: EngineProgram = NO_DEVICES,
    watch: GpuWatch | None = None,
    allows_cpu: bool = False,
) -> AsyncIterator[Node]:
    """A node whose models are the toys in `folder` now, and those in `places`.

    `program` runs models and `lister` lists devices, which costs a second with the real one.
    """
    hub = Hub(NodeState())
    shelf = Shelf(Library([*sorted(folder.glob("*.toy")), *places]), hub)
    await shelf.scan()
    devices = Devices(lister, watch=watch or NoGpu())
    async with await Database.open(folder / "node.db") as database:
        rungs = Rungs(database, "test")
        loader = Loader(
            shelf=shelf,
            devices=devices,
            rungs=rungs,
            hub=hub,
            now=time.monotonic,
            allows_cpu=allows_cpu,
        )
        engines = Engines(
            hub=hub,
            program=program or EngineProgram.of_this(),
            loader=loader,
            wishes=Wishes(),
            limits=limits or EngineLimits(),
            now=time.monotonic,
        )
        async with engines.running():
            router = Router(
                hub=hub,
                engines=engines,
                meters=Meters(lambda: hub.state),
                shelf=shelf,
                default=default,
                requests_max=requests_max,
                now=time.monotonic,
            )
            yield Node(hub, engines, router, rungs, devices=devices, loader=loader, shelf=shelf)


_before: set[int] = set()


def engines_running() -> list[psutil.Process]:
    """The children that came since the test began; other tests keep servers and engines too."""
    return [child for child in psutil.Process().children() if child.pid not in _before]


def run(test: Awaitable[None]) -> None:
    """Run a test's coroutine within the limit."""
    _before.clear()
    _before.update(child.pid for child in psutil.Process().children())

    async def limited() -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            await test

    asyncio.run(limited())


_requests = iter(range(1, 1_000_000))


def request_id() -> RequestId:
    return RequestId(f"r{next(_requests)}")


def saying(text: str) -> Generate:
    """A request that the toy answers with `text`."""
    return Generate(
        request=request_id(),
        prompt=PromptChat(messages=[{"role": "user", "content": text}]),
        sampling=Sampling(temperature=0.0),
    )


def text_of(delta: Delta) -> str:
    return "".join(part.text for part in delta.parts if isinstance(part, Said))


async def answer(link: EngineLink, text: str) -> str:
    """The toy's whole answer."""
    events = [event async for event in link.stream(saying(text))]
    return "".join(text_of(event) for event in events if isinstance(event, Delta))
