"""Apply, for what happens around this program: verdicts, and GPUs that go and come back."""

from typing import Final, assert_never

from msgspec.structs import replace

from app.core.state.events import GpuFound, GpuLost, NeighbourEvent, VerdictChanged
from app.core.state.node_state import NodeState, Notice

GPU_LOST: Final = "gpu_lost"
"""Key of the notice that stands while a GPU is gone."""


def apply_neighbour(state: NodeState, event: NeighbourEvent) -> NodeState:
    """The state after `event`."""
    others = tuple(notice for notice in state.notices if notice.key != GPU_LOST)
    match event:
        case VerdictChanged(neighbour=neighbour):
            return replace(state, neighbour=neighbour)
        case GpuLost(gpus=gpus):
            return replace(state, lost_gpus=gpus, notices=(*others, _notice(gpus)))
        case GpuFound():
            return replace(state, lost_gpus=(), notices=others)
        case _:
            assert_never(event)


def _notice(gpus: tuple[str, ...]) -> Notice:
    return Notice(
        key=GPU_LOST,
        severity="error",
        message=f"The GPU is gone: {', '.join(gpus)}. Its models wait until it is back.",
        remedy="The driver may have been reset or updated, or the computer slept; if it does not "
        "come back by itself, restart the computer.",
    )
