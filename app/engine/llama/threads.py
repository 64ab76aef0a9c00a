"""Threads: how many compute threads suit this machine.

ggml cuts each operation into equal parts and waits for the slowest, so a thread more than there
are cores halves the speed, and a second thread on one core (SMT) adds nothing to arithmetic.
Hence: physical cores, of those that this process may use.

Who else is busy is not asked: it changes by the second and a model lives for hours. With the short
spin that `__init__` sets, a thread too many costs a sixth while somebody else needs its core, and
a thread too few costs nearly half all the time (figures there). From four cores up one is left to
decode's neighbours, the server and this process's own Python, since decode is bound by memory long
before the last core.
"""

import os
import sys
from pathlib import Path
from typing import Final

from app.core.models.plan import LoadPlan

SPARE_FROM: Final = 4
"""Cores from which decode leaves one free."""

BESIDE_GPU: Final = 4
"""Threads beside a GPU: the CPU then only has the embedding row and what did not fit."""


def choose(plan: LoadPlan, *, cores: int, has_gpu: bool) -> tuple[int, int]:
    """Threads for decode and for prefill on `cores`; what the plan says goes before."""
    decode = cores - 1 if cores >= SPARE_FROM else cores
    if has_gpu and plan.gpu_layers < 0:
        decode = min(decode, BESIDE_GPU)
    return plan.threads or decode, plan.threads_batch or plan.threads or cores


def cores_allowed() -> int:
    """Physical cores that this process may use, at least 1."""
    if sys.platform == "linux":
        allowed = os.sched_getaffinity(0)
        siblings = {_siblings(cpu) for cpu in allowed}
        return max(1, min(len(siblings), _quota()))
    logical = os.cpu_count() or 1
    # Apple's cores are single-threaded; on other desktops two threads a core is the rule.
    return logical if sys.platform == "darwin" else max(1, logical // 2)


def _siblings(cpu: int) -> str:
    """The logical CPUs that share a core with `cpu`, as the kernel writes them."""
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return str(cpu)


def _quota() -> int:
    """Whole cores that a container's limit allows; a large number where there is none."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return sys.maxsize
    return sys.maxsize if limit == "max" else max(1, int(limit) // int(period))
