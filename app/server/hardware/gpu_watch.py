"""GpuWatch: how full, busy and warm the GPUs are, without opening a compute context.

Implementations: `nvidia.py` over NVML, `amd.py` over the files of Linux's driver, `Both` of them,
and `NoGpu` where there is neither. Other vendors' devices are listed by the engine (devices.py) and
have no samples.
"""

from typing import Protocol, final

import msgspec


@final
class GpuSample(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU now. None: the driver does not say."""

    name: str
    """"" where the driver tells none; the card is then known by its memory."""
    memory_free: int
    memory_total: int
    busy_percent: float | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    process_bytes: dict[int, int] = msgspec.field(default_factory=dict)
    """Memory by process id, of the processes that the driver tells apart."""
    process_busy: dict[int, float] | None = None
    """Percent of the compute units by process id; None: the driver does not say."""


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


@final
class Both:
    """One watch after the other."""

    def __init__(self, first: GpuWatch, second: GpuWatch) -> None:
        self._watches = (first, second)

    def sample(self) -> tuple[GpuSample, ...]:
        """The GPUs of the first, then those of the second."""
        return tuple(sample for watch in self._watches for sample in watch.sample())

    def close(self) -> None:
        """Let both go."""
        for watch in self._watches:
            watch.close()
