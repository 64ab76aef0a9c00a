"""House: what a membership needs of its node, handed over once."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from app.core.base.ids import JobId, PoolId, RequestId
from app.core.base.units import Micros, Microseconds
from app.observe.outbound import Outbound
from app.server.engine_child.leasing import Lessor, Link
from app.server.identity.keys import DeviceKey
from app.server.node.hub import Hub
from app.server.node.shelf import Shelf
from app.server.storage.memberships import Memberships
from app.server.storage.pool_asks import PoolAsks, PoolDays
from app.settings.pool_schema import PoolSettings
from app.settings.schema import EngineSettings


class HomeRouter(Lessor, Protocol):
    """The node's own router (server/node/router.py says more), where guests wait behind owners."""

    def lease(
        self,
        name: str,
        *,
        request: RequestId | None = None,
        keep_alive: float | None = None,
        is_guest: bool = False,
    ) -> AbstractAsyncContextManager[Link]:
        """A ready engine, loaded if it was not."""


class Mirror(Protocol):
    """The node's own books: what it earned and spent, per pool. Twice is as good as once."""

    async def earned(
        self, pool: PoolId, job: JobId, attempt: int, amount: Micros, at: Microseconds
    ) -> None:
        """An attempt was settled."""

    async def spent(self, pool: PoolId, job: JobId, amount: Micros, at: Microseconds) -> None:
        """The cost of an ask is known."""

    async def totals(self, pool_id: PoolId, now: Microseconds) -> tuple[Micros, Micros]:
        """All that was ever earned and spent in a pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The node, as its memberships see it. Real time and chance come in here."""

    make_key: Callable[[], DeviceKey]
    """The same key at every call; its file is made at the first."""
    hub: Hub
    router: HomeRouter
    shelf: Shelf
    memberships: Memberships
    asks: PoolAsks
    days: PoolDays
    mirror: Mirror
    outbound: Outbound
    """Where the calls of other machines are told."""
    pool_settings: Callable[[], PoolSettings]
    """Those in force now."""
    engine: EngineSettings
    program: str
    """Version of the program."""
    runtime: str
    """Version of llama.cpp's binding and back end, for receipts."""
    now: Callable[[], float]
    """Seconds since 1970, as NodeState counts."""
    clock: Callable[[], Microseconds]
    """The wall clock, for what is signed and booked."""
    offset: Callable[[Microseconds], int]
    """Seconds by which the owner's time is ahead of UTC at a moment."""
    nonce: Callable[[], bytes]
    """32 bytes by chance."""
    chance: Callable[[], float]
    """From 0 to 1."""

    @property
    def key(self) -> DeviceKey:
        """Who this node is."""
        return self.make_key()

    def __repr__(self) -> str:
        return "<House>"
