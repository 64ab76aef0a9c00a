"""AMD: samples of GPUs from the files of Linux's amdgpu driver, without any library.

The files carry no name for a card, so a sample has none; devices.py knows it by its memory.
Source: docs.kernel.org, gpu/amdgpu ("mem_info_vram_*", "gpu_busy_percent", hwmon).
"""

import contextlib
from pathlib import Path
from typing import Final, final

from app.server.hardware.gpu_watch import GpuSample

CARDS: Final = Path("/sys/class/drm")
_AMD: Final = "0x1002"


@final
class AmdWatch:
    """The cards below `folder` that amdgpu drives."""

    def __init__(self, folder: Path = CARDS) -> None:
        self._cards = [
            card / "device"
            for card in sorted(folder.glob("card[0-9]*"))
            if _text(card / "device/vendor") == _AMD
            and (card / "device/mem_info_vram_total").exists()
        ]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._cards)

    def sample(self) -> tuple[GpuSample, ...]:
        """Each card that answers; one that was unplugged, or has lost its driver, does not."""
        samples = []
        for card in self._cards:
            total = _number(card / "mem_info_vram_total")
            used = _number(card / "mem_info_vram_used")
            if total is None or used is None:
                continue
            power = _first(card, "power1_average") or _first(card, "power1_input")
            heat = _first(card, "temp1_input")
            samples.append(
                GpuSample(
                    name="",
                    memory_free=max(0, int(total - used)),
                    memory_total=int(total),
                    busy_percent=_number(card / "gpu_busy_percent"),
                    temperature_celsius=None if heat is None else heat / 1000,
                    power_watts=None if power is None else power / 1_000_000,
                )
            )
        return tuple(samples)

    def close(self) -> None:
        """Files are closed already."""


def _first(card: Path, name: str) -> float | None:
    """A figure of the card's own sensors."""
    for sensors in sorted(card.glob("hwmon/hwmon[0-9]*")):
        if (value := _number(sensors / name)) is not None:
            return value
    return None


def _number(path: Path) -> float | None:
    with contextlib.suppress(ValueError):
        return float(_text(path))
    return None


def _text(path: Path) -> str:
    # A sleeping card answers EBUSY or EPERM.
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
