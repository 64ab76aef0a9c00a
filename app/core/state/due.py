"""Due: what an engine's supervisor has to do by itself, and when.

Keep-alive that has run out ends an idle engine; a fallen engine that served is started again when
its backoff is over. Both follow from the state and the time alone, so one task that sleeps until
`next_due` and looks again after every event is enough.
"""

from typing import Literal, final

from app.core.base.ids import ModelName
from app.core.state.engine_life import Failed, Picture, Ready
from app.core.state.node_state import ModelState, NodeState


@final
class Due(Picture, frozen=True, kw_only=True):
    """One thing to do now."""

    action: Literal["unload", "restart"]
    model: ModelName


def unload_at(model: ModelState) -> float | None:
    """When keep-alive ends if nobody asks again; None while in use, kept for ever or not ready."""
    match model.life:
        case Ready(leases=0, keep_alive=keep_alive, last_used=last_used) if keep_alive >= 0:
            return last_used + keep_alive
        case _:
            return None


def restart_at(model: ModelState) -> float | None:
    """When a fallen engine is started again without being asked; None when it will not be."""
    match model.life:
        case Failed(was_ready=True, retry_at=retry_at):
            return retry_at
        case _:
            return None


def due(state: NodeState, now: float) -> list[Due]:
    """What is to be done at `now`; empty most of the time."""
    if state.server.is_stopping:
        return []
    found: list[Due] = []
    for model in state.models.values():
        if (ends := unload_at(model)) is not None and ends <= now:
            found.append(Due(action="unload", model=model.name))
        if (starts := restart_at(model)) is not None and starts <= now:
            found.append(Due(action="restart", model=model.name))
    return found


def next_due(state: NodeState) -> float | None:
    """The earliest time at which `due` has something; None when only an event can bring it."""
    if state.server.is_stopping:
        return None
    times = (
        time for model in state.models.values() for time in (unload_at(model), restart_at(model))
    )
    return min((time for time in times if time is not None), default=None)
