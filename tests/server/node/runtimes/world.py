"""Runtimes over a script that stands for engines, a publisher of the test, and a local server."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from app.core.release.keys import Publisher
from app.core.runtime.packs import PACKS, Hardware, Needs, Pack, PacksManifest
from app.core.state.node_state import Device, NodeState, ServerFacts
from app.observe.outbound import Outbound
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.gpu_watch import NoGpu
from app.server.node.hub import Hub
from app.server.node.runtimes.fetching import Fetching, opener_of
from app.server.node.runtimes.prover import Prover
from app.server.node.runtimes.runtimes import Runtimes
from app.server.node.runtimes.store import Store
from app.wire.runtime import PLAN_VARIABLE, RuntimePicture
from tests.server.node.runtimes import engine_script
from tests.support.hub import Hub as Server
from tests.support.hub import running_hub
from tests.support.packs import PLACE, pack_of
from tests.support.release_keys import PublishersKey, verify_release

NOW = 1_000_000
SYSTEM = "linux-x86_64"
REPOSITORY = Path(__file__).parents[4]
HARDWARE = Hardware(system=SYSTEM, build=engine_script.BUILD)


@dataclass
class World:
    """One node's back ends. What the engine does is in `script`."""

    folder: Path
    server: Server
    key: PublishersKey = field(default_factory=PublishersKey)
    hub: Hub = field(default_factory=lambda: Hub(NodeState(server=_FACTS)))
    hardware: Hardware = HARDWARE
    now: float = NOW
    trial_seconds_max: float = 60.0
    report_seconds_max: float = 60.0
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    def __post_init__(self) -> None:
        self.script(vulkan0="good", cuda0="good")
        publisher = Publisher(packs_address=self.address("list.json"), key=(self.key.known,))
        runtimes = self.folder / "runtimes"
        environment = {**os.environ, **self.server.environment, "PYTHONPATH": str(REPOSITORY)}
        self.engine = engine = EngineProgram(
            command=(sys.executable, engine_script.__file__, str(self.folder / "script.json")),
            environment={**environment, PLAN_VARIABLE: str(runtimes / "plan.json")},
            folder=str(REPOSITORY),
        )
        self.store = Store(runtimes, opener_of(publisher, verify_release))
        self.prover = Prover(
            engine,
            self.store,
            self.hub,
            lambda: NOW,
            seconds_max=self.trial_seconds_max,
            report_seconds_max=self.report_seconds_max,
        )
        self.devices = Devices(engine, watch=NoGpu(), judge=self.prover, fresh_seconds=0.0)
        self.runtimes = Runtimes(
            store=self.store,
            prover=self.prover,
            fetching=Fetching(
                publisher=publisher,
                verify=verify_release,
                store=self.store,
                program=EngineProgram.of_downloads(environment),
                outbound=Outbound(lambda: NOW),
                address=lambda: "",
                disk_free_bytes_min=lambda: 0,
                now=lambda: self.now,
            ),
            hardware_of=lambda _: self.hardware,
            look_anew=self.listed,
            hub=self.hub,
            group=self.group,
        )

    def script(self, **how: str) -> None:
        """What trials come to from now on."""
        (self.folder / "script.json").write_text(json.dumps(how))

    def address(self, name: str) -> str:
        return f"{self.server.endpoint}/cdn/{PLACE}//{name}"

    def publish(
        self, *packs: Pack, number: int = 1, files: dict[str, bytes], days: int = 9
    ) -> None:
        """The signed list of these packs lies at the server, with these files beside it."""
        manifest = PacksManifest(
            number=number, issued_at=NOW - 10, expires_at=NOW - 10 + days * 86_400, packs=packs
        )
        listed = PACKS.seal(manifest, [self.key.signer])
        self.server.add(PLACE, {"list.json": listed, **files})

    def publish_cuda(
        self, version: str = "1.0", *, number: int = 1, needs: Needs | None = None
    ) -> Pack:
        """A pack of two files."""
        pack, files = pack_of(version, system=SYSTEM, build=engine_script.BUILD)
        pack = replace(pack, needs=needs or Needs())
        self.publish(pack, number=number, files=files)
        return pack

    async def listed(self) -> tuple[Device, ...]:
        """The devices, listed anew."""
        self.devices.forget()
        return await self.devices.now()

    async def gpus(self) -> list[str]:
        """Pack (or "inside") and back end of each GPU that may be used."""
        await self.listed()
        proved = {proof.pair for proof in self.store.record.proofs if proof.is_good}
        return [f"{pair.pack or 'inside'} {pair.backend}" for pair in sorted(proved)]

    async def done(self) -> RuntimePicture:
        """The picture when the order under way has ended."""
        picture = await self.runtimes.picture()
        while picture.working_on:
            picture = await self.runtimes.picture(picture.number, seconds_max=60.0)
        return picture

    def notices(self) -> list[str]:
        return [notice.message for notice in self.hub.state.notices]


_FACTS = ServerFacts(version="1", pid=1, started_at=0.0, requests_max=1, cores=1, memory_bytes=1)


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A server for packs."""
    with running_hub() as server:
        server.add(PLACE, {})
        yield server


@asynccontextmanager
async def world_at(folder: Path, **how: object) -> AsyncGenerator[World, None]:
    """A world that can carry out orders."""
    with served(folder) as server:
        world = World(folder, server, **how)  # type: ignore[arg-type]
        async with world.group:
            yield world
