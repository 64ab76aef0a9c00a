"""GpuWatch: how full, busy and warm the GPUs are, without opening a compute context.

Two implementations: `nvidia.py` over NVML, and `NoGpu` here where there is no NVML. Other vendors'
devices are listed by the engine (devices.py) and have no samples.
"""

from typing import Protocol, final

import msgspec


@final
class GpuSample(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU now. None: the driver does not say."""

    name: str
    memory_free: int
    memory_total: int
    busy_percent: float | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    process_bytes: dict[int, int] = msgspec.field(default_factory=dict)
    """Memory by process id, of the processes that the driver tells apart."""


class GpuWatch(Protocol):
    """A source of samples. Calls block for milliseconds: make them in a worker thread."""

    def sample(self) -> tuple[GpuSample, ...]:
        """All GPUs in PCI order; empty when the driver does not answer."""

    def close(self) -> None:
        """Let the driver go."""


@final
class NoGpu:
    """A machine without NVML."""

    def sample(self) -> tuple[GpuSample, ...]:
        """Nothing."""
        return ()

    def close(self) -> None:
        """Nothing to let go."""
