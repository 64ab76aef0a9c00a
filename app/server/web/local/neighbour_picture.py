"""The neighbour as the local API shows it. Pure; the words are core/sharing's."""

from app.core.sharing.reasons import Cause
from app.core.sharing.words import cause_words, lending_words, memory_words
from app.core.state.node_state import NodeState
from app.core.state.view import memory_name
from app.wire.sharing import CausePicture, NeighbourPicture


def neighbour_picture(state: NodeState, now: float) -> NeighbourPicture:
    """What the state says of it."""
    shown = state.neighbour
    verdict, orders = shown.verdict, shown.orders
    memory = memory_name(device.kind for device in state.devices)
    return NeighbourPicture(
        summary=memory_words(verdict, now, memory=memory),
        memory=verdict.memory,
        memory_causes=tuple(_cause(each, now, memory) for each in verdict.memory_causes),
        refuses_loads=verdict.refuses_loads,
        lending=verdict.lending,
        lending_summary=lending_words(verdict, now),
        lending_causes=tuple(_cause(each, now) for each in verdict.lending_causes),
        mode=shown.mode,
        since=shown.since,
        held_until=orders.held_until,
        snoozed_until=orders.snoozed_until,
        lost_gpus=state.lost_gpus,
    )


def _cause(cause: Cause, now: float, memory: str = "") -> CausePicture:
    return CausePicture(
        reason=cause.reason.word,
        words=cause_words(cause, now, memory=memory),
        since=cause.since,
        resumes_at=cause.resumes_at,
    )
