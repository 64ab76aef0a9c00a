"""A node with toys, and its pool at a scripted host: all of it real but the host's decisions."""

import asyncio
import functools
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from app.core.base.ids import JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.core.sharing.policy import Verdict
from app.core.sharing.table import LendingAction, MemoryAction
from app.core.state.events import VerdictChanged
from app.core.state.node_state import Neighbour, NodeState
from app.core.state.pool_state import PoolState
from app.observe.outbound import Outbound
from app.server.identity.keys import DeviceKey
from app.server.node.pool.house import House
from app.server.node.pool.pool import Pool
from app.server.storage.database import Database
from app.server.storage.memberships import Memberships
from app.server.storage.pool_asks import PoolAsks, PoolDays
from app.settings.pool_schema import PoolSettings
from app.settings.schema import EngineSettings
from tests.server.node.homes import Node, node
from tests.support.scripted_host import ScriptedHost, scripted_host


class RecordingMirror:
    """Books that only remember; twice is once."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str, int], int] = {}

    async def earned(
        self, pool: PoolId, job: JobId, attempt: int, amount: Micros, at: Microseconds
    ) -> None:
        self.entries["earned", job, attempt] = amount

    async def spent(self, pool: PoolId, job: JobId, amount: Micros, at: Microseconds) -> None:
        self.entries["spent", job, 0] = amount

    async def totals(self, pool_id: PoolId, now: Microseconds) -> tuple[Micros, Micros]:
        sums = [
            sum(amount for (side, _, _), amount in self.entries.items() if side == word)
            for word in ("earned", "spent")
        ]
        return Micros(sums[0]), Micros(sums[1])


class Home:
    """What tests reach of the node in its pool."""

    def __init__(self, node: Node, host: ScriptedHost, pool: Pool, mirror: RecordingMirror) -> None:
        self.node = node
        self.host = host
        self.pool = pool
        self.mirror = mirror
        self.outbound = pool.house.outbound
        self.settings = PoolSettings()

    def lend(self, action: LendingAction = "lend", memory: MemoryAction = "keep") -> None:
        """The neighbour's verdict is this from now on."""
        verdict = Verdict(lending=action, memory=memory)
        neighbour = Neighbour(verdict=verdict, since=1.0, mode="always")
        self.node.hub.publish(VerdictChanged(neighbour=neighbour))

    def change(self, **changes: object) -> None:
        """The owner's settings are these from now on."""
        self.settings = msgspec.structs.replace(self.settings, **changes)

    async def until(self, seen: Callable[[PoolState], bool]) -> PoolState:
        """The first picture of the pool of which `seen` holds."""

        def holds(state: NodeState) -> bool:
            return state.pool is not None and seen(state.pool)

        state = await self.node.until(holds)
        assert state.pool is not None
        return state.pool


@asynccontextmanager
async def member_home(folder: Path, host: ScriptedHost) -> AsyncIterator[Home]:
    """A node with the toys of `folder`, which may join the host's pool."""
    async with (
        node(folder) as home_node,
        await Database.open(folder / "node.db", is_durable=True) as database,
        asyncio.TaskGroup() as group,
    ):
        mirror = RecordingMirror()
        outbound = Outbound(time.time)
        reading = group.create_task(home_node.shelf.keep_read())
        house = House(
            make_key=functools.cache(lambda: DeviceKey.ensure(folder / "device.key")),
            hub=home_node.hub,
            router=home_node.router,
            shelf=home_node.shelf,
            memberships=await Memberships.open(database),
            asks=await PoolAsks.open(database),
            days=PoolDays(database),
            mirror=mirror,
            outbound=outbound,
            pool_settings=lambda: home.settings,
            engine=EngineSettings(),
            program="test",
            runtime="toy",
            now=time.time,
            clock=lambda: Microseconds(int(time.time() * 1e6)),
            offset=lambda _: 0,
            nonce=lambda: secrets.token_bytes(32),
            chance=lambda: random.random() * 0.01,
        )
        pool = Pool(house, database)
        home = Home(home_node, host, pool, mirror)
        async with pool.running():
            yield home
        reading.cancel()


@asynccontextmanager
async def joined(folder: Path) -> AsyncIterator[Home]:
    """A node that lends to the pool of a scripted host, and has told it so."""
    (folder / "host").mkdir()
    async with scripted_host(folder / "host") as host, member_home(folder, host) as home:
        home.lend()
        await home.pool.join(host.invite())
        yield home
