"""Devices: what models can be computed on, and how much memory is free there now.

The list comes from a short-lived engine child, since asking a driver opens contexts that must not
live in the server. It is kept; only free memory is looked up again: NVML for GPUs it knows, the
system for RAM, and where neither tells (Metal, Vulkan, ROCm) the child is asked anew.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final, Protocol, final

import msgspec
from msgspec.structs import replace

from app.core.models.plan import DeviceUse
from app.core.state.node_state import Device, Notice
from app.server.hardware import nvidia
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.gpu_watch import GpuSample, GpuWatch
from app.server.hardware.machine import look_at_machine, memory_available
from app.server.hardware.short_child import ChildFailed, answer_of

log = logging.getLogger(__name__)

LIST_SECONDS_MAX: Final = 30.0
"""A driver that wakes sleeping GPUs takes seconds; one that hangs never answers."""
FRESH_SECONDS: Final = 2.0
"""A list this young need not be asked for again."""

_SAME_MEMORY: Final = 0.03
"""Vulkan and ROCm leave out of a card's total what the driver keeps for itself."""

LISTS_MAX: Final = 4
"""A card that fails under one back end is listed under the next: CUDA, Vulkan, none."""

_LIST: Final = msgspec.json.Decoder(list[DeviceUse])


class Judge(Protocol):
    """Says which GPUs may be used (server/node/runtimes/prover.py)."""

    async def refreshed(self) -> int:
        """A number that rises whenever engines are to load something else than before."""

    async def judge(self, listed: Sequence[DeviceUse]) -> bool:
        """Tries those that were never tried; True when the list is another one afterwards."""

    def doubt(self) -> bool:
        """All are to be tried anew; False where none ever was."""

    async def rescue(self) -> bool:
        """Switches off the modules that end a process; True when there was one."""

    @property
    def pinned(self) -> frozenset[str]:
        """Descriptions of GPUs that failed."""


@final
class Devices:
    """The devices of this machine. Used by one event loop.

    `watch` samples GPUs; without one NVML is opened when it is first needed. `judge` has new GPUs
    tried before they are listed, which may take a minute once.
    """

    def __init__(
        self,
        program: EngineProgram,
        *,
        watch: GpuWatch | None = None,
        judge: Judge | None = None,
        list_seconds_max: float = LIST_SECONDS_MAX,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._program = program
        self._watch = watch
        self._judge = judge
        self._list_seconds_max = list_seconds_max
        self._fresh_seconds = fresh_seconds
        self._listed: tuple[DeviceUse, ...] | None = None
        self._listed_at = 0.0
        self._listed_by = 0
        """The judge's number when it was listed."""
        self._is_doubted = False
        self._lock = asyncio.Lock()
        self.notice: Notice | None = None
        """What the owner should know when the list failed; None when it did not."""

    async def now(self) -> tuple[Device, ...]:
        """Every device with its free memory now, GPUs with their samples; never empty.

        Takes milliseconds, or a child's life (at most `LIST_SECONDS_MAX`) when the list is new or
        the only source of free memory.
        """
        async with self._lock:
            if self._judge is not None and self._listed_by != await self._judge.refreshed():
                self._listed = None
            samples = await asyncio.to_thread(self._sample)
            is_old = time.monotonic() - self._listed_at > self._fresh_seconds
            is_doubted = self._is_doubted or not _covers(samples, self._listed or ())
            if self._listed is None or (is_old and is_doubted):
                self._is_doubted = False
                self._listed = await self._list()
                self._listed_at = time.monotonic()
                self._listed_by = 0 if self._judge is None else await self._judge.refreshed()
            return _with_samples(self._listed, samples)

    async def sampled(self) -> tuple[Device, ...]:
        """The devices with what can be looked up in milliseconds; empty before the first list."""
        async with self._lock:
            if self._listed is None:
                return ()
            return _with_samples(self._listed, await asyncio.to_thread(self._sample))

    async def watched(self) -> list[tuple[Device, GpuSample | None]]:
        """As `sampled`, each device with the sample itself, which tells who uses it."""
        async with self._lock:
            if self._listed is None:
                return []
            samples = await asyncio.to_thread(self._sample)
            devices = _with_samples(self._listed, samples)
            return list(zip(devices, match(self._listed, samples), strict=True))

    async def gpu_samples(self) -> tuple[GpuSample, ...]:
        """What drivers tell of GPUs now, listed or not; empty where none tells."""
        async with self._lock:
            return await asyncio.to_thread(self._sample)

    def forget(self) -> None:
        """List anew when asked next: a device may have gone, or come back."""
        self._listed_at = float("-inf")
        self._is_doubted = True

    @property
    def pinned(self) -> frozenset[str]:
        """Descriptions of GPUs that were tried and failed: not used, and not gone either."""
        return frozenset() if self._judge is None else self._judge.pinned

    def doubt(self) -> bool:
        """Have GPUs tried anew when they are asked for next; False where that cannot be."""
        if self._judge is None or not self._judge.doubt():
            return False
        self.forget()
        return True

    async def close(self) -> None:
        """Let the driver go."""
        async with self._lock:
            if self._watch is not None:
                await asyncio.to_thread(self._watch.close)

    def _sample(self) -> tuple[GpuSample, ...]:
        if self._watch is None:
            self._watch = nvidia.open_watch()
        return self._watch.sample()

    async def _list(self) -> tuple[DeviceUse, ...]:
        try:
            devices = await self._asked_or_rescued()
            for _ in range(LISTS_MAX):
                if self._judge is None or not await self._judge.judge(devices):
                    break
                devices = _LIST.decode(await self._ask())
        except (OSError, TimeoutError, ValueError) as error:
            log.warning("devices could not be listed", extra={"reason": str(error)})
            self.notice = Notice(
                key="devices",
                severity="warning",
                message=f"The graphics devices could not be listed ({error}); models run on the "
                "CPU.",
                remedy="Run `athanor doctor`, and update the graphics driver.",
            )
            return (_cpu(),)
        self.notice = None
        return tuple(devices) or (_cpu(),)

    async def _asked_or_rescued(self) -> list[DeviceUse]:
        """The child's list; where a driver ended the child, without what did.

        Raises: as `_ask`.
        """
        try:
            return _LIST.decode(await self._ask())
        except (TimeoutError, ChildFailed):
            if self._judge is None or not await self._judge.rescue():
                raise
            return _LIST.decode(await self._ask())

    async def _ask(self) -> bytes:
        """The child's answer. Raises: OSError, TimeoutError, ValueError."""
        return await answer_of(self._program, "--devices", seconds_max=self._list_seconds_max)


def _covers(samples: Sequence[GpuSample], listed: Sequence[DeviceUse]) -> bool:
    """Whether the samples tell the free memory of every device that is not the CPU."""
    return all(
        device.kind == "cpu" or sample is not None
        for device, sample in zip(listed, match(listed, samples), strict=True)
    )


def match(listed: Sequence[DeviceUse], samples: Sequence[GpuSample]) -> list[GpuSample | None]:
    """The sample of each device: the next one, in PCI order, of the same name.

    A sample without a name is of a card whose memory is as large.
    """
    left = list(samples)
    found: list[GpuSample | None] = []
    for device in listed:
        sample = next((s for s in left if _is_of(s, device)), None)
        if sample is not None:
            left.remove(sample)
        found.append(sample)
    return found


def _is_of(sample: GpuSample, device: DeviceUse) -> bool:
    if sample.name:
        return sample.name == device.description
    difference = abs(sample.memory_total - device.memory_total)
    return device.kind == "gpu" and difference <= _SAME_MEMORY * sample.memory_total


def _with_samples(listed: Sequence[DeviceUse], samples: Sequence[GpuSample]) -> tuple[Device, ...]:
    devices = []
    for use, sample in zip(listed, match(listed, samples), strict=True):
        device = Device(
            name=use.name,
            description=use.description,
            kind=use.kind,
            memory_free=use.memory_free,
            memory_total=use.memory_total,
        )
        if sample is not None:
            device = replace(
                device,
                # The total of the list: NVML counts what the driver keeps for itself.
                memory_free=min(sample.memory_free, use.memory_total),
                busy_percent=sample.busy_percent,
                temperature_celsius=sample.temperature_celsius,
                power_watts=sample.power_watts,
            )
        elif use.kind == "cpu":
            device = replace(device, memory_free=min(memory_available(), use.memory_total))
        devices.append(device)
    return tuple(devices)


def _cpu() -> DeviceUse:
    return DeviceUse(
        name="CPU",
        description="CPU",
        kind="cpu",
        memory_free=memory_available(),
        memory_total=look_at_machine().memory_bytes,
    )
