"""NodeState: everything this node shows of itself, at one moment, without a user's words.

One immutable value. The hub (server/node/hub.py) alone makes the next one, by `apply`; every face
reads it. It holds counts, names of models and devices, and times; never content.

Times are seconds since 1970 of the node's clock, which never jumps. Sizes are bytes.
"""

from collections.abc import Iterable
from typing import Literal, final

import msgspec

from app.core.base.ids import ModelName, RequestId
from app.core.downloads.download import Download, DownloadId
from app.core.sharing.facts import Orders
from app.core.sharing.policy import Verdict
from app.core.sharing.rules import Mode
from app.core.state.engine_life import EngineLife, Picture, Unloaded
from app.core.state.pool_state import PoolState
from app.core.state.update_state import UpdateState

Phase = Literal["waiting", "reading", "answering"]
"""waiting: for an engine or in its queue. reading: the prompt is known. answering: text came."""

Outcome = Literal["completed", "cancelled", "refused", "failed"]
"""cancelled: the client left. refused: the caller's fault or no room. failed: ours."""


@final
class ServerFacts(Picture, frozen=True, kw_only=True):
    """The server process and its machine."""

    version: str = ""
    pid: int = 0
    started_at: float = 0.0
    addresses: tuple[str, ...] = ()
    """Base URLs of the OpenAI API."""
    requests_max: int = 0
    cores: int = 0
    memory_bytes: int = 0
    is_serving: bool = False
    """Connections are accepted."""
    is_stopping: bool = False


@final
class Device(Picture, frozen=True, kw_only=True):
    """One compute device, with the last sample of it. None: the vendor's library does not say."""

    name: str
    description: str
    kind: Literal["cpu", "gpu", "igpu", "accel"]
    memory_free: int
    memory_total: int
    busy_percent: float | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None


@final
class Notice(Picture, frozen=True, kw_only=True):
    """One thing the owner should know, until it is true no more. `key` names the matter."""

    key: str
    severity: Literal["info", "warning", "error"]
    message: str
    remedy: str = ""


@final
class Tally(Picture, frozen=True, kw_only=True):
    """Requests that ended since the start of the server, and their tokens."""

    completed: int = 0
    cancelled: int = 0
    refused: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@final
class ModelState(Picture, frozen=True, kw_only=True):
    """One model that is in the library, or was when its engine started."""

    name: ModelName
    size_bytes: int = 0
    is_listed: bool = True
    """False: its file is gone from the library while the engine lives, or it is the demonstration
    and the owner has a model."""
    is_demonstration: bool = False
    """It came with the program (core/models/demonstration.py)."""
    life: EngineLife = Unloaded()
    tally: Tally = Tally()
    restarts: int = 0
    """Starts after a failure, since the start of the server."""


@final
class RequestState(Picture, frozen=True, kw_only=True):
    """One request in flight: how far, never what."""

    request: RequestId
    model: ModelName
    since: float
    is_guest: bool = False
    """It came through the pool: another's, not the owner's."""
    phase: Phase = "waiting"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    first_token_at: float | None = None


@final
class LibraryFacts(Picture, frozen=True, kw_only=True):
    """The library of model files, as far as watchers need it to know when to look."""

    revision: int = 0
    """Rises whenever the list of models would be shown differently."""
    hashing: str = ""
    """The file whose content is being read; "" while none is."""
    hashed_bytes: int = 0


@final
class Neighbour(Picture, frozen=True, kw_only=True):
    """How this node stands to the other programs of its machine (core/sharing)."""

    verdict: Verdict = Verdict()
    """Names programs in its causes: for the owner's faces alone."""
    since: float = 0.0
    """When this verdict was found."""
    orders: Orders = Orders()
    mode: Mode = "off"


@final
class NodeState(Picture, frozen=True, kw_only=True):
    """The whole picture. The dicts are never changed in place, only replaced."""

    server: ServerFacts = ServerFacts()
    models: dict[ModelName, ModelState] = msgspec.field(default_factory=dict)
    requests: dict[RequestId, RequestState] = msgspec.field(default_factory=dict)
    devices: tuple[Device, ...] = ()
    notices: tuple[Notice, ...] = ()
    neighbour: Neighbour = Neighbour()
    lost_gpus: tuple[str, ...] = ()
    """GPUs that were there and have gone, by their descriptions."""
    library: LibraryFacts = LibraryFacts()
    downloads: dict[DownloadId, Download] = msgspec.field(default_factory=dict)
    """Oldest first, those that are over too until they are removed."""
    pool: PoolState | None = None
    """The pool that this node is a member of."""
    update: UpdateState = UpdateState()

    def own_requests(self) -> int:
        """How many requests in flight are the owner's."""
        return sum(not request.is_guest for request in self.requests.values())

    def engines(self) -> Iterable[ModelState]:
        """The models whose engine is not simply unloaded."""
        return (model for model in self.models.values() if not isinstance(model.life, Unloaded))
