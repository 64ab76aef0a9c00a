"""Freeing: GPU memory given back at once, and proof that it came back.

Ending an engine's process gives its memory back for sure, but a driver takes a moment for it: where
the driver tells (NVML, amdgpu), it is asked until the memory is back.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, final

import msgspec

from app.core.base.errors import Paused
from app.core.state.events import NoticeCleared, NoticeRaised
from app.core.state.node_state import Notice
from app.server.hardware.devices import Devices
from app.server.hardware.gpu_watch import GpuSample
from app.server.hardware.machine import resident_bytes
from app.server.node.engine import Engine
from app.server.node.engines import Engines
from app.server.node.hub import Hub

log = logging.getLogger(__name__)

PROOF_SECONDS_MAX: Final = 1.5
"""The promise: so soon a game has its memory."""
BACK_ENOUGH: Final = 0.9
"""Of what our engines held; the rest is what others took meanwhile, and rounding."""
_LOOK_SECONDS: Final = 0.05
_KEPT: Final = "memory_not_back"


@final
class EndedEngine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine that is gone. Bytes it held."""

    model: str
    pid: int
    gpu_bytes: int
    """By the driver, else by its plan."""
    ram_bytes: int
    """Resident in RAM, pages of the model's file included."""


@final
class Freed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    ended: tuple[EndedEngine, ...]
    seconds: float
    """From the order to the proof."""
    gpu_bytes: int
    """By which the GPUs' free memory rose, by the driver; else what the plans say."""
    is_measured: bool
    """The driver told, before and after."""
    is_back: bool
    """Every process is gone; and, where it is measured, the memory is free."""


@final
class Freeing:
    """Ends engines and proves it. Used by one event loop."""

    def __init__(self, *, hub: Hub, engines: Engines, devices: Devices) -> None:
        self._hub = hub
        self._engines = engines
        self._devices = devices

    async def free(self, among: Callable[[Engine], bool], refusal: Paused) -> Freed:
        """Ends those engines now; requests that use or await them are told `refusal`."""
        began = time.monotonic()
        before = await self._samples()
        chosen = self._engines.holding(among)
        ended = tuple(_ended(engine, before) for engine in chosen if engine.process is not None)
        if not chosen:
            return Freed(ended=(), seconds=0.0, gpu_bytes=0, is_measured=False, is_back=True)
        await self._engines.free(chosen, refusal)
        expected = sum(each.gpu_bytes for each in ended)
        is_measured = bool(before) and expected > 0
        gained = expected
        is_back = True
        if is_measured:
            pids = frozenset(each.pid for each in ended)
            is_back, gained = await self._proof(before, pids, expected, began)
        freed = Freed(
            ended=ended,
            seconds=time.monotonic() - began,
            gpu_bytes=gained,
            is_measured=is_measured,
            is_back=is_back,
        )
        self._tell(freed)
        return freed

    async def holders(self) -> frozenset[int]:
        """The processes that hold GPU memory, as far as drivers tell them apart."""
        samples = await self._samples()
        return frozenset(pid for sample in samples for pid in sample.process_bytes)

    async def _proof(
        self, before: Sequence[GpuSample], pids: frozenset[int], expected: int, began: float
    ) -> tuple[bool, int]:
        """Whether the memory is back, and how much of it; asked until it is, or too late."""
        while True:
            after = await self._samples()
            gained = sum(sample.memory_free for sample in after) - sum(
                sample.memory_free for sample in before
            )
            holding = any(pid in sample.process_bytes for sample in after for pid in pids)
            is_back = not holding and gained >= BACK_ENOUGH * expected
            if is_back or time.monotonic() - began >= PROOF_SECONDS_MAX:
                return is_back, max(0, gained)
            # A driver tells of no change; it has to be asked.
            await asyncio.sleep(_LOOK_SECONDS)

    async def _samples(self) -> tuple[GpuSample, ...]:
        return await self._devices.gpu_samples()

    def _tell(self, freed: Freed) -> None:
        log.info(
            "memory freed",
            extra={
                "engines": len(freed.ended),
                "gpu_bytes": freed.gpu_bytes,
                "ms": round(freed.seconds * 1000),
                "measured": freed.is_measured,
                "back": freed.is_back,
            },
        )
        is_told = any(notice.key == _KEPT for notice in self._hub.state.notices)
        if not freed.is_back:
            notice = Notice(
                key=_KEPT,
                severity="warning",
                message="GPU memory was freed, but the driver does not show all of it as free.",
                remedy="Another program may have taken it meanwhile; `athanor status` shows how "
                "full the GPU is.",
            )
            self._hub.publish(NoticeRaised(notice=notice))
        elif is_told:
            self._hub.publish(NoticeCleared(key=_KEPT))


def _ended(engine: Engine, samples: Sequence[GpuSample]) -> EndedEngine:
    assert engine.process is not None
    pid = engine.process.pid
    told = sum(sample.process_bytes.get(pid, 0) for sample in samples)
    return EndedEngine(
        model=engine.name,
        pid=pid,
        gpu_bytes=told or engine.footprint.device_bytes,
        ram_bytes=resident_bytes(pid),
    )
