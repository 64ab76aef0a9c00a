"""Events: all that can happen to NodeState. Counts, never content.

One frozen Struct each, of one tagged union. `apply` (apply.py) says what each does.
"""

from typing import final

import msgspec

from app.core.base.ids import ModelName, RequestId
from app.core.downloads.download import Download, DownloadId
from app.core.state.engine_life import EngineFacts, EngineGauges, Picture
from app.core.state.node_state import Device, LibraryFacts, Neighbour, Notice, Outcome
from app.core.state.pool_state import PoolState
from app.core.state.update_state import UpdateState


@final
class ServerOpened(Picture, frozen=True, kw_only=True, tag="server_opened"):
    """Connections are accepted at these base URLs."""

    addresses: tuple[str, ...]


@final
class ServerStopping(Picture, frozen=True, kw_only=True, tag="server_stopping"):
    """No new requests; what runs may finish."""


@final
class DevicesSeen(Picture, frozen=True, kw_only=True, tag="devices_seen"):
    """The devices, or a new sample of them."""

    devices: tuple[Device, ...]


@final
class NoticeRaised(Picture, frozen=True, kw_only=True, tag="notice_raised"):
    """Something the owner should know; replaces the notice of the same key."""

    notice: Notice


@final
class NoticeCleared(Picture, frozen=True, kw_only=True, tag="notice_cleared"):
    """It is true no more; unknown keys are ignored."""

    key: str


@final
class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the library."""

    name: ModelName
    size_bytes: int
    is_demonstration: bool = False
    is_offered: bool = True
    """False for a demonstration that stepped aside: it can be named and is not shown."""


@final
class ModelsListed(Picture, frozen=True, kw_only=True, tag="models_listed"):
    """The library as it is now, whole."""

    models: tuple[Listed, ...]


@final
class LibraryChanged(Picture, frozen=True, kw_only=True, tag="library_changed"):
    """What is known of the model files changed: headers, contents, folders; or more was read."""

    library: LibraryFacts


@final
class DownloadChanged(Picture, frozen=True, kw_only=True, tag="download_changed"):
    """A download is new, or has come further."""

    download: Download


@final
class DownloadRemoved(Picture, frozen=True, kw_only=True, tag="download_removed"):
    """The download was cancelled, or taken off the list; unknown ones are ignored."""

    download: DownloadId


@final
class VerdictChanged(Picture, frozen=True, kw_only=True, tag="verdict_changed"):
    """What becomes of GPU memory or of lending has changed, or why."""

    neighbour: Neighbour


@final
class GpuLost(Picture, frozen=True, kw_only=True, tag="gpu_lost"):
    """A GPU has gone, as after a driver reset or a sleep: the whole list of those that have."""

    gpus: tuple[str, ...]


@final
class GpuFound(Picture, frozen=True, kw_only=True, tag="gpu_found"):
    """Every GPU that had gone is back."""


@final
class PoolChanged(Picture, frozen=True, kw_only=True, tag="pool_changed"):
    """The pool was joined, or something of it is otherwise: all that is shown of it, whole."""

    pool: PoolState


@final
class PoolLeft(Picture, frozen=True, kw_only=True, tag="pool_left"):
    """This node is no member of a pool any more."""


@final
class UpdateChanged(Picture, frozen=True, kw_only=True, tag="update_changed"):
    """Something of a new version of the program is otherwise: all that is shown of it, whole."""

    update: UpdateState


@final
class EngineStarted(Picture, frozen=True, kw_only=True, tag="engine_started"):
    """A child is being started, on this rung of the ladder of safer plans."""

    model: ModelName
    at: float
    rung: int


@final
class EngineProgressed(Picture, frozen=True, kw_only=True, tag="engine_progressed"):
    """The load went on."""

    model: ModelName
    stage: str
    fraction: float


@final
class EngineReady(Picture, frozen=True, kw_only=True, tag="engine_ready"):
    """The engine serves."""

    model: ModelName
    at: float
    facts: EngineFacts
    keep_alive: float


@final
class EngineGauged(Picture, frozen=True, kw_only=True, tag="engine_gauged"):
    """The engine said how busy it is."""

    model: ModelName
    gauges: EngineGauges


@final
class EngineUsed(Picture, frozen=True, kw_only=True, tag="engine_used"):
    """A lease began or ended; `leases` are those that hold the engine now."""

    model: ModelName
    at: float
    leases: int
    keep_alive: float | None = None
    """Replaces the engine's when given."""


@final
class EngineDraining(Picture, frozen=True, kw_only=True, tag="engine_draining"):
    """The engine was asked to end."""

    model: ModelName
    at: float


@final
class EngineEnded(Picture, frozen=True, kw_only=True, tag="engine_ended"):
    """The engine is gone as it was asked to, or its failure is forgotten."""

    model: ModelName


@final
class EngineFell(Picture, frozen=True, kw_only=True, tag="engine_fell"):
    """The engine crashed, hung or could not load."""

    model: ModelName
    at: float
    reason: str
    remedy: str
    retry_at: float
    failures: int


@final
class RequestArrived(Picture, frozen=True, kw_only=True, tag="request_arrived"):
    """A request was admitted."""

    request: RequestId
    model: ModelName
    at: float
    is_guest: bool = False
    """It came through the pool."""


@final
class RequestAdvanced(Picture, frozen=True, kw_only=True, tag="request_advanced"):
    """Tokens so far, since the request arrived; `at` is when they were counted."""

    request: RequestId
    at: float
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@final
class RequestEnded(Picture, frozen=True, kw_only=True, tag="request_ended"):
    """The request is over, with its final tokens."""

    request: RequestId
    at: float
    outcome: Outcome
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


EngineEvent = (
    EngineStarted
    | EngineProgressed
    | EngineReady
    | EngineGauged
    | EngineUsed
    | EngineDraining
    | EngineEnded
    | EngineFell
)

RequestEvent = RequestArrived | RequestAdvanced | RequestEnded

ServerEvent = (
    ServerOpened
    | ServerStopping
    | DevicesSeen
    | NoticeRaised
    | NoticeCleared
    | ModelsListed
    | LibraryChanged
    | DownloadChanged
    | DownloadRemoved
    | UpdateChanged
)

NeighbourEvent = VerdictChanged | GpuLost | GpuFound

PoolEvent = PoolChanged | PoolLeft

Event = ServerEvent | NeighbourEvent | PoolEvent | EngineEvent | RequestEvent
