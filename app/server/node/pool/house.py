"""House: what a membership needs of its node, handed over once."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from app.core.base.ids import JobId, ModelName, PoolId, RequestId
from app.core.base.units import Micros, Microseconds
from app.observe.outbound import Outbound
from app.server.engine_child.engine_process import StreamEvent
from app.server.identity.keys import DeviceKey
from app.server.node.hub import Hub
from app.server.node.shelf import Shelf
from app.server.storage.memberships import Memberships
from app.server.storage.pool_asks import PoolAsks, PoolDays
from app.settings.pool_schema import PoolSettings
from app.settings.schema import EngineSettings
from app.wire.engine import (
    ApplyTemplate,
    Detokenize,
    Embed,
    Embedded,
    Generate,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.model import ModelFacts
from app.wire.remarks import Remarks


class HomeLink(Protocol):
    """A lease's hold on a ready engine (server/node/link.py says more)."""

    @property
    def model(self) -> ModelName:
        """The canonical name."""

    @property
    def facts(self) -> ModelFacts:
        """What the engine said of the model."""

    @property
    def remarks(self) -> Remarks:
        """None: the answer is of this node."""

    def stream(self, generate: Generate) -> AsyncIterator[StreamEvent]:
        """The events of one generation."""

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        """The one answer to a question."""


class HomeRouter(Protocol):
    """The node's own router (server/node/router.py says more)."""

    def find(self, name: str) -> ModelName:
        """The canonical name. Raises: ModelNotFound."""

    def lease(
        self,
        name: str,
        *,
        request: RequestId | None = None,
        keep_alive: float | None = None,
        is_guest: bool = False,
    ) -> AbstractAsyncContextManager[HomeLink]:
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
    offset: Callable[[], int]
    """Seconds by which the owner's time is ahead of UTC now."""
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
