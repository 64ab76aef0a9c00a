"""Exit words: what the end of an engine child means, for its owner."""

import re
import signal
from collections.abc import Sequence
from typing import Final, final

import msgspec
from msgspec.structs import replace

from app.core.models.ladder import Suspicion

_TELLING: Final = re.compile(
    r"assert|error|fail|abort|out of memory|cuda|vulkan|metal|exception", re.IGNORECASE
)
_DEVICE: Final = re.compile(
    # CUDA and HIP, by their words for it; the last is what CUDA says after many a sleep.
    r"no CUDA-capable device|CUDA-capable device\(s\) is/are busy or unavailable|GPU is lost|"
    r"fallen off the bus|driver shutting down|context is destroyed|hipErrorNoDevice|"
    r"uncorrectable ECC error|CUDA error: unknown error|"
    # Vulkan and Direct3D; Metal.
    r"DeviceLost|device (was )?lost|DXGI_ERROR_DEVICE|GPU (was )?removed",
    re.IGNORECASE,
)
"""What drivers say when the GPU itself went away: reset, updated, unplugged, or gone in a sleep."""

_NOISE: Final = re.compile(r"^(Fatal Python error|  File |Current thread|Thread 0x|Extension mod)")
_LINE_CHARACTERS_MAX: Final = 300

_EXIT_BROKEN: Final = 4
"""engine/main's status when its compute backend failed."""

_UPDATE: Final = "Update the graphics driver, or load the model with fewer layers on the GPU."
_GONE: Final = "If the GPU does not come back by itself, restart the computer."
_MEMORY: Final = (
    "If memory was short, close other programs or load the model with a smaller context."
)

_WINDOWS: Final[dict[int, tuple[str, Suspicion]]] = {
    0xC0000005: ("crashed in native code (access violation)", "crash"),
    0xC0000017: ("ran out of memory", "memory"),
    0xC000001D: ("met an instruction that this processor does not know", "instruction"),
    0xC0000409: ("aborted in native code", "crash"),
}


@final
class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Why a child ended, in a sentence without its subject, and what the owner can do."""

    reason: str
    remedy: str = ""
    suspicion: Suspicion = "crash"
    """What a safer plan should give up first."""
    is_ordered: bool = False
    """We ended it, for no fault of its plan."""


def read_ending(status: int, stderr: Sequence[str]) -> Ending:
    """The meaning of an exit status (negative: a signal) and of the last lines on stderr."""
    ending = _of_status(status)
    said = _last_telling(stderr)
    if status and any(_DEVICE.search(line) for line in stderr):
        ending = replace(ending, suspicion="device", remedy=_GONE)
    return replace(ending, reason=f"{ending.reason}: {said}") if said else ending


def _of_status(status: int) -> Ending:
    if status == 0:
        return Ending(reason="ended by itself")
    if status == _EXIT_BROKEN:
        return Ending(reason="stopped since its compute backend failed", remedy=_UPDATE)
    if status in _WINDOWS:
        reason, suspicion = _WINDOWS[status]
        return Ending(reason=reason, remedy=_UPDATE, suspicion=suspicion)
    if status > 0:
        return Ending(reason=f"ended with status {status}")
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    match name:
        case "SIGKILL":
            # The system kills the largest process when memory is short.
            return Ending(reason=f"was killed ({name})", remedy=_MEMORY, suspicion="memory")
        case "SIGILL":
            reason = f"met an instruction that this processor does not know ({name})"
            return Ending(reason=reason, remedy=_UPDATE, suspicion="instruction")
        case "SIGABRT" | "SIGSEGV" | "SIGBUS" | "SIGFPE":
            return Ending(reason=f"crashed in native code ({name})", remedy=_UPDATE)
        case _:
            return Ending(reason=f"was ended ({name})")


def _last_telling(stderr: Sequence[str]) -> str:
    """The last line that names a fault; "" when none does."""
    for line in reversed(stderr):
        if _TELLING.search(line) and not _NOISE.match(line):
            return line.strip()[:_LINE_CHARACTERS_MAX]
    return ""
