"""GPU loss: which GPUs have gone since they were seen, and what a plan loses by it.

GPUs are known by their descriptions and counted, since the names that ggml gives (CUDA0, CUDA1) go
to others when one is gone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from app.core.models.plan import LoadPlan
from app.core.state.node_state import Device

GPUS: Final = frozenset({"gpu", "igpu"})


def gone(seen: Sequence[Device], now: Iterable[Device]) -> list[Device]:
    """The GPUs of `seen` that are not among `now`, empty as they will be when they come back."""
    left = Counter(device.description for device in now if device.kind in GPUS)
    lost = []
    for device in seen:
        if device.kind in GPUS:
            if left[device.description]:
                left[device.description] -= 1
            else:
                lost.append(replace(device, memory_free=device.memory_total))
    return lost


def falls_to_cpu(plan: LoadPlan, whole: LoadPlan) -> bool:
    """Whether `plan` runs on the processor alone what `whole`, with all GPUs, has on one."""
    return not plan.gpu_layers and bool(whole.gpu_layers)
