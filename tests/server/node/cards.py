"""A graphics card for tests: a real list of devices and real engine children, and a driver that
tells of the memory they would hold.

Each engine of this process holds ENGINE_BYTES of it while its process lives, as a driver gives
memory back when a process ends.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.core.sharing.rules import Rules
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.gpu_watch import GpuSample
from app.server.hardware.surroundings.look import Lookout
from app.server.hardware.surroundings.sleep import SleepClock
from app.server.node.neighbour import Neighbour
from tests.server.node.homes import Node, engines_running

GIB = 1024**3
ENGINE_BYTES = 2 * GIB
TOTAL = 8 * GIB

CPU = {"name": "CPU", "description": "cpu", "kind": "cpu", "memory_free": 2**40,
       "memory_total": 2**40}  # fmt: skip
GPU = {"name": "CUDA0", "description": "RTX", "kind": "gpu", "memory_free": TOTAL,
       "memory_total": TOTAL}  # fmt: skip


class Card:
    """The driver's figures. The test may let it keep memory, fall silent, or fill it."""

    def __init__(self) -> None:
        self.others_bytes = 0
        self.keeps_bytes = 0
        self.is_silent = False

    def sample(self) -> tuple[GpuSample, ...]:
        if self.is_silent:
            return ()
        held = {child.pid: ENGINE_BYTES for child in engines_running() if _is_engine(child)}
        used = sum(held.values()) + self.others_bytes
        return (
            GpuSample(
                name="RTX",
                memory_free=max(0, TOTAL - max(used, self.keeps_bytes)),
                memory_total=TOTAL,
                process_bytes=held,
                process_busy={},
            ),
        )

    def close(self) -> None:
        pass


def _is_engine(child: psutil.Process) -> bool:
    try:
        return "engine" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Machine:
    """A list of devices that the test changes as drivers do: the child that lists reads it anew."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "devices.json"
        self.has_gpu(True)
        self.lister = EngineProgram(
            command=(sys.executable, "-S", "-c", f"print(open({str(self._path)!r}).read())"),
            environment=dict(os.environ),
            folder="/",
        )

    def has_gpu(self, there: bool) -> None:
        self._path.write_text(json.dumps([CPU, GPU] if there else [CPU]))


class Naps:
    """The lead of the clock that goes on in a sleep; `slept` is added by the test."""

    def __init__(self) -> None:
        self.slept = 0.0

    def __call__(self) -> float:
        return self.slept


@contextmanager
def neighbour_of(
    node: Node,
    *,
    exclusive: Sequence[str] = (),
    rules: Rules | None = None,
    frees_ram: bool = False,
    naps: Callable[[], float] = lambda: 0.0,
) -> Iterator[Neighbour]:
    """A neighbour that looks around when the test says so."""
    lookout = Lookout(exclusive, sleep=SleepClock(naps))
    yield Neighbour(
        hub=node.hub,
        engines=node.engines,
        devices=node.devices,
        loader=node.loader,
        lookout=lookout,
        rules=rules or Rules(has_exclusive_list=bool(exclusive)),
        frees_ram=frees_ram,
        hold_seconds=60.0,
        now=node.now,
    )
    lookout.close()
