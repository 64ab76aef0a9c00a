"""The machine that is measured on: its facts for the result file, and what its memory can carry."""

import os
import platform
import subprocess
import threading
import time
from pathlib import Path
from typing import Final, final

import msgspec
import numpy as np
import psutil

_PROBE_BYTES: Final = 256 * 1024 * 1024
"""Per thread; far above any cache that one core may use for itself."""
_PROBE_ROUNDS: Final = 4


@final
class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader needs to judge figures from elsewhere."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    compiler: str
    load_average: tuple[float, float, float]
    """Before the run. Above a few tenths of a core, the figures are not worth keeping."""
    read_bytes_per_second: float
    """What all cores together read from memory, as numpy sums it."""


def describe(threads: int) -> Machine:
    """The facts, with the bandwidth of `threads` cores measured in about a second."""
    return Machine(
        processor=processor(),
        cores=psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        compiler=_first_line("c++", "--version"),
        load_average=os.getloadavg(),
        read_bytes_per_second=_read_bytes_per_second(threads),
    )


def processor() -> str:
    """The model of the CPU."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit that is checked out; "+" marks changes to tracked files."""
    root = Path(__file__).parent
    name = _first_line("git", "-C", str(root), "rev-parse", "--short=12", "HEAD") or "unknown"
    changes = _first_line("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return name + ("+" if changes else "")


def _read_bytes_per_second(threads: int) -> float:
    """The best of a few rounds, as STREAM takes it."""
    blocks = [np.ones(_PROBE_BYTES // 8, dtype=np.int64) for _ in range(threads)]
    best = 0.0
    for _ in range(_PROBE_ROUNDS):
        # numpy frees the GIL while it sums, so the threads read at the same time
        readers = [threading.Thread(target=block.sum) for block in blocks]
        begun = time.perf_counter()
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        best = max(best, threads * _PROBE_BYTES / (time.perf_counter() - begun))
    return best


def _first_line(*command: str) -> str:
    """ "" where the program is missing or says nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return (done.stdout.splitlines() or [""])[0].strip()
