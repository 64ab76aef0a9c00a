"""Hardware words: what this machine is and what it can run, in one sentence for a first look. Pure.

Rough on purpose: a model at 4 to 5 bits takes about 0.7 GiB for each billion parameters, with its
context, and a GPU keeps 2 GiB for the screen and the context. The exact plan is core/models/fit.
"""

from collections.abc import Sequence
from typing import Final

from app.core.state.node_state import Device
from app.core.state.view import size

GIB: Final = 1024**3
_KEPT_BYTES: Final = 2 * GIB
_BYTES_OF_A_BILLION: Final = 0.7 * GIB
_QUICK_ON_CPU: Final = 4
"""Billions of parameters that a usual CPU answers with at the pace of a reader."""


def hardware_words(
    devices: Sequence[Device], *, cores: int, memory_bytes: int, quick: int | None = None
) -> str:
    """What was found and what that means. The devices may not be listed yet.

    `quick`: weights that the CPU reads for a token at a reader's pace, where that is measured.
    """
    gpus = [device for device in devices if device.kind == "gpu"]
    small = [device for device in devices if device.kind in ("igpu", "accel")]
    if gpus:
        most = max(gpus, key=lambda device: device.memory_total)
        also = f" and {len(gpus) - 1} more" if len(gpus) > 1 else ""
        whole = sum(device.memory_total for device in gpus)
        return (
            f"{most.description or most.name}{also}, {size(whole)} of GPU memory: "
            f"runs models of up to about {billions(whole)} billion parameters wholly on the GPU."
        )
    cpu = next((device for device in devices if device.kind == "cpu"), None)
    name = (cpu.description or cpu.name) if cpu else "The CPU"
    beside = f" {small[0].description or small[0].name} shares its memory." if small else ""
    least = min(_QUICK_ON_CPU if quick is None else quick / 1e9, billions(memory_bytes))
    about = round(least, 1 if least < 10 else None)
    pace = (
        f"Models of up to about {about:g} billion parameters answer at a reader's pace."
        if about
        else "Also small models answer slower than one reads."
    )
    return (
        f"{name}, {cores} core{'' if cores == 1 else 's'}, {size(memory_bytes)} of memory, and no "
        f"GPU of its own memory.{beside} {pace}"
    )


def billions(memory_bytes: int) -> int:
    """Billions of parameters, at 4 to 5 bits, that so much memory holds; at least 1."""
    return max(1, round((memory_bytes - _KEPT_BYTES) / _BYTES_OF_A_BILLION))
