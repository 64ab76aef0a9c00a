"""GpuFacts of this node: who holds and who uses each GPU, from devices, samples and engines. Pure.

The driver tells memory by process on most systems; where it does not (Windows' driver model), ours
is what the plans estimate. Growth of others is counted from the last change of our own engines, so
that what we took ourselves is never taken for theirs.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import final

import msgspec

from app.core.sharing.facts import GpuFacts, Unknown
from app.core.state.node_state import Device
from app.server.hardware.gpu_watch import GpuSample


@final
class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """What our own engines do at the moment of the sample."""

    pids: Collection[int] = ()
    planned_bytes: Mapping[str, int] = {}
    """By device, by the plans of the engines that serve."""
    is_computing: bool = False
    is_changing: bool = False
    """An engine loads or ends: figures of this moment are no measure."""


@final
class GpuLedger:
    """Remembers what others held when our engines changed last."""

    def __init__(self) -> None:
        self._baseline: dict[str, int] = {}
        self._pids: frozenset[int] = frozenset()

    def facts(
        self, watched: Sequence[tuple[Device, GpuSample | None]], ours: Ours
    ) -> tuple[GpuFacts, ...]:
        """The facts of every GPU."""
        pids = frozenset(ours.pids)
        if ours.is_changing or pids != self._pids:
            self._baseline.clear()
            self._pids = pids
        return tuple(
            self._facts_of(device, sample, ours)
            for device, sample in watched
            if device.kind in ("gpu", "igpu")
        )

    def _facts_of(self, device: Device, sample: GpuSample | None, ours: Ours) -> GpuFacts:
        planned = ours.planned_bytes.get(device.name, 0)
        name = device.description or device.name
        if sample is None:
            mute = Unknown(why="its driver tells no figures")
            return GpuFacts(
                name=name,
                memory_total=device.memory_total,
                memory_free=mute,
                ours_bytes=planned,
                others_bytes=mute,
                others_growth_bytes=mute,
                others_busy_percent=mute,
                temperature_celsius=mute,
            )
        told = [sample.process_bytes[pid] for pid in ours.pids if pid in sample.process_bytes]
        mine = sum(told) if told else planned
        others = max(0, sample.memory_total - sample.memory_free - mine)
        baseline = self._baseline.setdefault(device.name, others)
        celsius = sample.temperature_celsius
        return GpuFacts(
            name=name,
            memory_total=sample.memory_total,
            memory_free=sample.memory_free,
            ours_bytes=mine,
            others_bytes=others,
            others_growth_bytes=0 if ours.is_changing else max(0, others - baseline),
            others_busy_percent=_others_busy(sample, ours),
            temperature_celsius=(
                Unknown(why="its driver does not tell") if celsius is None else celsius
            ),
        )


def _others_busy(sample: GpuSample, ours: Ours) -> float | Unknown:
    if sample.process_busy is not None:
        others = sum(busy for pid, busy in sample.process_busy.items() if pid not in ours.pids)
        return min(100.0, others)
    if sample.busy_percent is None:
        return Unknown(why="its driver does not tell")
    if ours.is_computing:
        return Unknown(why="its driver does not tell who uses it, and we do")
    return sample.busy_percent
