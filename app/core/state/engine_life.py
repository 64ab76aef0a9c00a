"""Engine life: the states of a model's engine, and which may follow which.

    unloaded ──start──> loading ──ready──> ready ──drain──> unloading ──end──> unloaded
       │                   │                 │                  │
       └──────<──end───────┤                 │                  │
                           └──fail──> failed <──fail────────────┘ (fail only from ready, loading)

The table below is the whole truth of it, as h11 keeps its connection; `apply` looks nowhere else.
Times are seconds since 1970 of the node's clock, which never jumps (server/main.py).
"""

from collections.abc import Mapping
from typing import Final, Literal, final

import msgspec


class IllegalTransition(AssertionError):
    """An event that cannot happen in this state: a bug of whoever published it."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every Struct of the state."""


@final
class EngineFacts(Picture, frozen=True, kw_only=True):
    """What a loaded engine is: fixed from ready to the end. Bytes and tokens."""

    pid: int
    architecture: str
    description: str
    parameters: int
    size_bytes: int
    context: int
    """Tokens one sequence may hold."""
    context_trained: int
    cells: int
    sequences: int
    layers: int
    gpu_layers: int
    capabilities: tuple[str, ...]
    device_bytes: int = 0
    """Expected on GPUs, by the plan."""
    host_bytes: int = 0
    """Expected in RAM, by the plan."""
    load_seconds: float = 0.0
    explanation: tuple[str, ...] = ()
    """What was chosen for the load and why, one sentence each."""


@final
class EngineGauges(Picture, frozen=True, kw_only=True):
    """How busy a loaded engine is; token counts are since its start."""

    running: int = 0
    waiting: int = 0
    parked: int = 0
    kept: int = 0
    cells_used: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    decode_calls: int = 0
    busy_seconds: float = 0.0


@final
class Unloaded(Picture, frozen=True, kw_only=True, tag="unloaded"):
    """No process, no memory."""


@final
class Loading(Picture, frozen=True, kw_only=True, tag="loading"):
    """A child is starting; `fraction` of the stage that is named, 0 to 1."""

    since: float
    stage: str = "queued"
    fraction: float = 0.0
    rung: int = 0
    """How many safer plans were taken; 0 is the plan as it was wished."""


@final
class Ready(Picture, frozen=True, kw_only=True, tag="ready"):
    """The engine serves."""

    since: float
    facts: EngineFacts
    keep_alive: float
    """Seconds to stay after the last use; below 0 for ever."""
    last_used: float
    leases: int = 0
    """Requests that hold the engine now. It is never evicted while there are any."""
    gauges: EngineGauges = EngineGauges()
    rung: int = 0


@final
class Unloading(Picture, frozen=True, kw_only=True, tag="unloading"):
    """The engine takes no more, finishes what runs and ends."""

    since: float


@final
class Failed(Picture, frozen=True, kw_only=True, tag="failed"):
    """The child crashed, hung or refused to load. Nobody is asked again before `retry_at`."""

    at: float
    reason: str
    remedy: str
    retry_at: float
    failures: int
    """In a row."""
    was_ready: bool
    """It had served; it is started again at `retry_at` without being asked."""


EngineLife = Unloaded | Loading | Ready | Unloading | Failed

LifeName = Literal["unloaded", "loading", "ready", "unloading", "failed"]
Change = Literal["start", "progress", "ready", "use", "gauge", "drain", "end", "fail"]

TRANSITIONS: Final[Mapping[tuple[LifeName, Change], LifeName]] = {
    ("unloaded", "start"): "loading",
    ("failed", "start"): "loading",
    ("loading", "start"): "loading",  # the next rung of the ladder
    ("loading", "progress"): "loading",
    ("loading", "ready"): "ready",
    ("loading", "end"): "unloaded",  # given up: the server stops or the owner unloads
    ("loading", "fail"): "failed",
    ("ready", "use"): "ready",
    ("ready", "gauge"): "ready",
    ("ready", "drain"): "unloading",
    ("ready", "fail"): "failed",
    ("unloading", "gauge"): "unloading",
    ("unloading", "end"): "unloaded",
    ("failed", "end"): "unloaded",  # the owner does not want it any more
}


def life_name(life: EngineLife) -> LifeName:
    """The word of the state, as it stands in the table and on the wire."""
    match life:
        case Unloaded():
            return "unloaded"
        case Loading():
            return "loading"
        case Ready():
            return "ready"
        case Unloading():
            return "unloading"
        case Failed():
            return "failed"


def follow(life: EngineLife, change: Change) -> LifeName:
    """The state after `change`. Raises: IllegalTransition."""
    name = life_name(life)
    after = TRANSITIONS.get((name, change))
    if after is None:
        raise IllegalTransition(f"{change!r} cannot happen to an engine that is {name}")
    return after
