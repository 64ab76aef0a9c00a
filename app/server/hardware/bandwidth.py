"""Bandwidth: how fast each device reads its memory, for the expected speed of a model.

NVIDIA's driver tells the width of a card's bus and the clock of its memory; RAM is measured by a
short-lived child. Of other vendors' cards nothing is known here, and nothing is guessed.
"""

import contextlib
import ctypes
import logging
import sys
from typing import Final

import msgspec

from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.short_child import answer_of

log = logging.getLogger(__name__)

MEASURE_SECONDS_MAX: Final = 20.0
_TRANSFERS_A_CLOCK: Final = 2
"""NVML tells the clock of the memory's data strobe; bits come at both edges. By it an RTX 3090 has
936 GB/s, an RTX 4090 1,008, an A100 of 40 GB 1,555, as their data sheets say."""


async def measure_ram(program: EngineProgram) -> float | None:
    """Bytes a second that this machine's cores read; None where it could not be measured."""
    try:
        answer = await answer_of(program, "--bandwidth", seconds_max=MEASURE_SECONDS_MAX)
        return msgspec.json.decode(answer, type=float)
    except (OSError, TimeoutError, ValueError) as error:
        log.warning("memory bandwidth was not measured", extra={"reason": str(error)})
        return None


def nvidia_bandwidths() -> list[tuple[str, float]]:
    """Name and bytes a second of each NVIDIA card in PCI order; [] without a driver.

    Blocks for milliseconds.
    """
    try:
        if sys.platform == "linux":
            ctypes.CDLL("libnvidia-ml.so.1")
        import pynvml  # noqa: PLC0415  # only where it may be used

        pynvml.nvmlInit()
    except (ImportError, OSError):
        return []
    except pynvml.NVMLError:
        return []
    found: list[tuple[str, float]] = []
    try:
        for index in range(pynvml.nvmlDeviceGetCount()):
            card = pynvml.nvmlDeviceGetHandleByIndex(index)
            name = pynvml.nvmlDeviceGetName(card)
            with contextlib.suppress(pynvml.NVMLError):
                bits = pynvml.nvmlDeviceGetMemoryBusWidth(card)
                megahertz = pynvml.nvmlDeviceGetMaxClockInfo(card, pynvml.NVML_CLOCK_MEM)
                rate = of_bus(bits, megahertz)
                found.append((name.decode() if isinstance(name, bytes) else str(name), rate))
    except pynvml.NVMLError as error:
        log.debug("NVML does not tell of memory", extra={"reason": str(error)})
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
    return found


def of_bus(bits: int, megahertz: int) -> float:
    """Bytes a second of a bus so wide, at the clock that NVML tells."""
    return bits / 8 * megahertz * 1e6 * _TRANSFERS_A_CLOCK
