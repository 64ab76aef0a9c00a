"""Nvidia: samples of GPUs by NVML, which needs no CUDA context and so no video memory.

The library is imported when the watch is opened, which fails on most machines that have no such
GPU; `open_watch` then gives `NoGpu`. A query that one card does not support is left out, the
others stay.
"""

import contextlib
import ctypes
import logging
import sys
from typing import TYPE_CHECKING, final

import msgspec

from app.server.hardware.amd import AmdWatch
from app.server.hardware.gpu_watch import Both, GpuSample, GpuWatch, NoGpu

if TYPE_CHECKING:
    from types import ModuleType

log = logging.getLogger(__name__)


def open_watch() -> GpuWatch:
    """NVML where a driver answers, and AMD's files where there are any; else `NoGpu`.

    Blocks for some milliseconds.
    """
    amd = AmdWatch()
    nvidia = _open_nvml()
    if amd:
        return amd if isinstance(nvidia, NoGpu) else Both(nvidia, amd)
    return nvidia


@final
class NvidiaFacts(msgspec.Struct, frozen=True):
    """What a runtime pack asks for: the driver's version, and each card's compute capability."""

    driver: str = ""
    capabilities: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def look_at_nvidia() -> NvidiaFacts:
    """What NVIDIA's driver tells of itself and its cards; nothing where it does not answer.

    Blocks for some milliseconds.
    """
    watch = _open_nvml()
    if not isinstance(watch, NvidiaWatch):
        return NvidiaFacts()
    try:
        return watch.facts()
    finally:
        watch.close()


def _open_nvml() -> GpuWatch:
    try:
        if sys.platform == "linux":
            # The binding takes 6 MB, too much to find out that there is no driver.
            ctypes.CDLL("libnvidia-ml.so.1")
        import pynvml  # noqa: PLC0415  # only where it may be used
    except (ImportError, OSError) as error:
        log.debug("no NVML", extra={"reason": str(error)})
        return NoGpu()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        # A library without its driver, or a driver of another version.
        log.warning("NVML does not start", extra={"reason": str(error)})
        return NoGpu()
    return NvidiaWatch(pynvml)


@final
class NvidiaWatch:
    """NVML, initialised. Used by one thread at a time."""

    def __init__(self, nvml: "ModuleType") -> None:
        self._nvml = nvml
        self._busy_seen: dict[int, int] = {}
        """The driver's time of the last share that was read, by card."""

    def sample(self) -> tuple[GpuSample, ...]:
        """All GPUs in PCI order; empty when the driver does not answer."""
        nvml = self._nvml
        try:
            handles = [
                nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())
            ]
            return tuple(self._sample(index, handle) for index, handle in enumerate(handles))
        except nvml.NVMLError as error:
            # A driver that is being updated, or a GPU that fell off the bus.
            log.warning("NVML does not answer", extra={"reason": str(error)})
            return ()

    def facts(self) -> NvidiaFacts:
        """The driver and its cards, in PCI order."""
        nvml = self._nvml
        try:
            driver = nvml.nvmlSystemGetDriverVersion()
            handles = [
                nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())
            ]
            pairs = [nvml.nvmlDeviceGetCudaComputeCapability(handle) for handle in handles]
            names = [nvml.nvmlDeviceGetName(handle) for handle in handles]
        except nvml.NVMLError as error:
            log.warning("NVML does not answer", extra={"reason": str(error)})
            return NvidiaFacts()
        return NvidiaFacts(
            driver=_text(driver),
            capabilities=tuple(f"{major}.{minor}" for major, minor in pairs),
            names=tuple(map(_text, names)),
        )

    def close(self) -> None:
        """Let the driver go."""
        with contextlib.suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    def _sample(self, index: int, handle: object) -> GpuSample:
        nvml = self._nvml
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        name = nvml.nvmlDeviceGetName(handle)
        busy = temperature = power = None
        with contextlib.suppress(nvml.NVMLError):
            busy = float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        with contextlib.suppress(nvml.NVMLError):
            temperature = float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
        with contextlib.suppress(nvml.NVMLError):
            power = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
        return GpuSample(
            name=_text(name),
            memory_free=int(memory.free),
            memory_total=int(memory.total),
            busy_percent=busy,
            temperature_celsius=temperature,
            power_watts=power,
            process_bytes=self._process_bytes(handle),
            process_busy=self._process_busy(index, handle),
        )

    def _process_bytes(self, handle: object) -> dict[int, int]:
        nvml = self._nvml
        found: dict[int, int] = {}
        for query in (
            nvml.nvmlDeviceGetComputeRunningProcesses,
            nvml.nvmlDeviceGetGraphicsRunningProcesses,
        ):
            with contextlib.suppress(nvml.NVMLError):
                for process in query(handle):
                    # None under Windows' driver model, which keeps the number to itself.
                    if process.usedGpuMemory is not None:
                        found[int(process.pid)] = int(process.usedGpuMemory)
        return found

    def _process_busy(self, index: int, handle: object) -> dict[int, float] | None:
        """Each process's share since the last look; None where the card or the system is mute."""
        nvml = self._nvml
        seen = self._busy_seen.get(index, 0)
        try:
            found = nvml.nvmlDeviceGetProcessUtilization(handle, seen)
        except nvml.NVMLError as error:
            # NVML's words for "nobody has used it since"; the binding raises success too.
            is_idle = error.value in (nvml.NVML_SUCCESS, nvml.NVML_ERROR_NOT_FOUND)
            return {} if is_idle else None
        busy: dict[int, float] = {}
        for each in found:
            self._busy_seen[index] = max(self._busy_seen.get(index, 0), int(each.timeStamp))
            busy[int(each.pid)] = max(busy.get(int(each.pid), 0.0), float(each.smUtil))
        return busy


def _text(told: object) -> str:
    """Older bindings give bytes."""
    return told.decode() if isinstance(told, bytes) else str(told)
