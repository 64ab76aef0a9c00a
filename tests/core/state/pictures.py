"""Small states for the tests of core/state."""

from app.core.base.ids import ModelName
from app.core.state.apply import apply
from app.core.state.engine_life import EngineFacts
from app.core.state.events import (
    EngineReady,
    EngineStarted,
    EngineUsed,
    Event,
    Listed,
    ModelsListed,
    ServerOpened,
)
from app.core.state.node_state import ModelState, NodeState

SMALL = ModelName("small")
LARGE = ModelName("large")

FACTS = EngineFacts(
    pid=41,
    architecture="llama",
    description="llama 1B Q4_K",
    parameters=1_000_000_000,
    size_bytes=700_000_000,
    context=4096,
    context_trained=8192,
    cells=8192,
    sequences=16,
    layers=16,
    gpu_layers=16,
    capabilities=("completion", "chat"),
)


def told(*events: Event, state: NodeState | None = None) -> NodeState:
    """The state after the events, from an empty one."""
    state = state or NodeState()
    for event in events:
        state = apply(state, event)
    return state


def listed(*names: ModelName) -> ModelsListed:
    return ModelsListed(models=tuple(Listed(name=name, size_bytes=100) for name in names))


def serving(*, last_used: float = 0.0, keep_alive: float = 60.0, leases: int = 0) -> NodeState:
    """A node whose model SMALL is ready and LARGE is not loaded."""
    return told(
        listed(SMALL, LARGE),
        ServerOpened(addresses=("http://127.0.0.1:7117/v1",)),
        EngineStarted(model=SMALL, at=0.0, rung=0),
        EngineReady(model=SMALL, at=0.0, facts=FACTS, keep_alive=keep_alive),
        EngineUsed(model=SMALL, at=last_used, leases=leases),
    )


def small(state: NodeState) -> ModelState:
    return state.models[SMALL]
