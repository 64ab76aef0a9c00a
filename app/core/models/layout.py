"""Layout: which device holds which layers, and how many bytes each then needs.

llama.cpp counts the output as one layer after the last block, and puts the last `layers` of all
these on GPUs, in the order of the devices; the input stays in RAM. How many each GPU takes is told
to it as `tensor_split`, for which whole counts are exact.

Where several GPUs share, one alone is preferred, since a token crosses from device to device; else
all are filled to the same share of their room, which leaves each of them some.
"""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import msgspec

from app.core.models.card import ModelCard
from app.core.models.estimate import (
    Setup,
    copied_weights,
    hidden_work,
    host_work,
    layer_memory,
    output_work,
)
from app.core.models.plan import DeviceUse

RAM_SHARE_KEPT: Final = 8
RAM_KEPT_MAX: Final = 4 * 1024**3
"""An eighth of RAM stays free, up to 4 GiB, if that is more than the margin: a PC that swaps is of
no use to its owner. A margin of 0 keeps nothing."""

_FILL_STEPS: Final = 32
"""How finely GPUs are filled alike."""

_UNIFIED_NAMES: Final = ("MTL", "Metal")
"""Devices that ggml calls GPUs and that use the machine's RAM."""


@final
@dataclass(frozen=True, slots=True)
class Room:
    """A device and the bytes of it that a load may take."""

    device: DeviceUse
    limit: int
    is_ram: bool
    """What it takes is taken from RAM too (integrated GPUs)."""


@final
class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a load takes of one device, in bytes, and what there is."""

    name: str
    kind: str
    layers: int
    weights: int
    memory: int
    """KV cache and recurrent states."""
    compute: int
    limit: int
    """Free now, less what is to stay free."""

    @property
    def total(self) -> int:
        """All that it takes."""
        return self.weights + self.memory + self.compute


@final
@dataclass(frozen=True, slots=True)
class Layout:
    """Needs of the CPU and then of each GPU, in order."""

    needs: tuple[Need, ...]
    fits: bool

    @property
    def split(self) -> tuple[float, ...]:
        """`tensor_split` for llama.cpp; () where there is nothing to share."""
        counts = tuple(float(need.layers) for need in self.needs[1:])
        return counts if len(counts) > 1 and any(counts) else ()


def rooms(devices: Sequence[DeviceUse], margin: int) -> tuple[Room, tuple[Room, ...]]:
    """The CPU's room and those of the GPUs that llama.cpp will use, in its order.

    Integrated GPUs count only where there is no other, as in llama.cpp.
    """
    cpu = next((device for device in devices if device.kind == "cpu"), None)
    assert cpu is not None, "the CPU must be among the devices"
    share = min(RAM_KEPT_MAX, cpu.memory_total // RAM_SHARE_KEPT)
    ram = max(0, cpu.memory_free - (max(margin, share) if margin else 0))
    gpus = [device for device in devices if device.kind == "gpu"] or [
        device for device in devices if device.kind == "igpu"
    ]
    return Room(cpu, ram, True), tuple(_gpu_room(gpu, margin, ram) for gpu in gpus)


def _gpu_room(gpu: DeviceUse, margin: int, ram: int) -> Room:
    if gpu.memory_total == 0:
        # It has no memory of its own to report; llama.cpp takes the host's, and so do we.
        return Room(gpu, ram, True)
    is_ram = gpu.kind == "igpu" or gpu.name.startswith(_UNIFIED_NAMES)
    return Room(gpu, max(0, gpu.memory_free - margin), is_ram)


@final
@dataclass(frozen=True, slots=True)
class _Part:
    """One layer on a GPU, or the output."""

    weights: int
    memory: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.memory + self.compute


def lay_out(
    card: ModelCard,
    setup: Setup,
    layers: int,
    *,
    cpu: Room,
    gpus: Sequence[Room],
    shares: Sequence[float] = (),
) -> Layout:
    """Places `layers` of the model on `gpus` and the rest in RAM.

    `shares` fixes the parts of the GPUs. Where it does not fit, the layout says what it would need.
    """
    parts = _parts(card, setup, layers)
    work = _gpu_work(card, setup, layers)
    counts = _counts_by_share(len(parts), shares, len(gpus)) if shares else None
    if counts is None:
        counts = _counts_by_room(parts, work, [gpu.limit for gpu in gpus])
    needs = [_cpu_need(card, setup, layers, cpu)]
    begin = 0
    for gpu, count in zip(gpus, counts, strict=True):
        needs.append(_gpu_need(gpu, parts[begin : begin + count], work))
        begin += count
    in_ram = needs[0].total + sum(
        need.total for need, gpu in zip(needs[1:], gpus, strict=True) if gpu.is_ram
    )
    fits = in_ram <= cpu.limit and all(need.total <= need.limit for need in needs)
    return Layout(tuple(needs), fits and begin == len(parts))


def whole_need(card: ModelCard, setup: Setup, layers: int) -> Need:
    """What `layers` would take of a single GPU without end."""
    endless = DeviceUse(name="", description="", kind="gpu", memory_free=0, memory_total=0)
    return _gpu_need(
        Room(endless, 0, False), _parts(card, setup, layers), _gpu_work(card, setup, layers)
    )


def _gpu_work(card: ModelCard, setup: Setup, layers: int) -> int:
    """Compute buffer of each GPU that has layers, the output's part apart."""
    is_whole = layers > len(card.layers)
    return hidden_work(card, setup) + (0 if is_whole else copied_weights(card))


def _parts(card: ModelCard, setup: Setup, layers: int) -> list[_Part]:
    """The parts on GPUs: the last blocks, then the output, which is the first to move there."""
    if not layers:
        return []
    blocks = card.layers[len(card.layers) + 1 - layers :]
    parts = [_Part(block.weight_bytes, layer_memory(block, setup), 0) for block in blocks]
    output = _Part(card.output_bytes + card.tied_bytes, 0, output_work(card, setup))
    return [*parts, output]


def _cpu_need(card: ModelCard, setup: Setup, layers: int, cpu: Room) -> Need:
    blocks = card.layers[: len(card.layers) + 1 - layers] if layers else card.layers
    weights = card.input_bytes + sum(block.weight_bytes for block in blocks)
    compute = host_work(card, setup, feeds_gpu=layers > 0)
    if blocks:
        compute += hidden_work(card, setup)
    if not layers:
        weights += card.output_bytes
        compute += output_work(card, setup)
    return Need(
        name=cpu.device.name,
        kind="cpu",
        layers=len(blocks) + (not layers),
        weights=weights,
        memory=sum(layer_memory(block, setup) for block in blocks),
        compute=compute,
        limit=cpu.limit,
    )


def _gpu_need(gpu: Room, parts: Sequence[_Part], work: int) -> Need:
    return Need(
        name=gpu.device.name,
        kind=gpu.device.kind,
        layers=len(parts),
        weights=sum(part.weights for part in parts),
        memory=sum(part.memory for part in parts),
        compute=sum(part.compute for part in parts) + (work if parts else 0),
        limit=gpu.limit,
    )


def _counts_by_room(parts: Sequence[_Part], work: int, limits: Sequence[int]) -> list[int]:
    """How many parts each GPU takes; fewer than all in sum where they do not fit."""
    if not limits:
        return []
    roomiest = max(range(len(limits)), key=lambda index: limits[index])
    alone = [limits[index] if index == roomiest else 0 for index in range(len(limits))]
    whole = _fill(parts, work, alone)
    if sum(whole) == len(parts) or len(limits) == 1:
        return whole
    for step in range(1, _FILL_STEPS + 1):
        counts = _fill(parts, work, [limit * step // _FILL_STEPS for limit in limits])
        if sum(counts) == len(parts):
            return counts
    return counts


def _fill(parts: Sequence[_Part], work: int, limits: Sequence[int]) -> list[int]:
    """Fills the GPUs one after another; a part that does not fit goes to the next one."""
    counts, index = [], 0
    for limit in limits:
        begin, left = index, limit - work
        while index < len(parts) and parts[index].total <= left:
            left -= parts[index].total
            index += 1
        counts.append(index - begin)
    return counts


def _counts_by_share(count: int, shares: Sequence[float], gpus: int) -> list[int] | None:
    """Counts in proportion to `shares`, by llama.cpp's rounding; None where all are 0."""
    padded = [*shares[:gpus], *[0.0] * (gpus - len(shares))]
    total = sum(padded)
    if not gpus or total <= 0:
        return None
    ends = [end / total for end in itertools.accumulate(padded)]
    counts = [0] * gpus
    for index in range(count):
        counts[min(bisect.bisect_right(ends, index / count), gpus - 1)] += 1
    return counts
