"""AMX: when ggml's matrix path of Intel servers must be left alone.

Up to GCC 12.2 `_tile_loadconfig` tells the compiler of 8 of the 64 bytes that it reads, so the
stores of the tile configuration are dropped and the instruction faults: a model of most
quantisations ends the process at its first matrix product. Nothing in a built library says which
compiler made it, so the path is not taken on any CPU that has it. CPUs of home PCs have none.
"""

import sys
from pathlib import Path


def has_amx() -> bool:
    """Whether ggml, built for this machine, would take its AMX path."""
    if sys.platform != "linux":
        return False
    try:
        return "amx_int8" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
