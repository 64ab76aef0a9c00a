"""Room: what must happen before one more model can be loaded.

Four answers, tried in order: load now; end idle engines, least recently used first; wait for busy
ones; load with what there is. An engine with requests in flight is never ended here unless the
caller forces it, which it does when somebody has waited too long for a model that never rests.

Whether the smaller plan that is then left fits at all is the business of core/models/fit, which
refuses with the numbers.
"""

from collections.abc import Sequence
from typing import final

from app.core.base.ids import ModelName
from app.core.state.engine_life import Picture


@final
class Footprint(Picture, frozen=True, kw_only=True):
    """Memory of one engine: bytes on GPUs and in RAM."""

    device_bytes: int = 0
    host_bytes: int = 0

    def __add__(self, other: "Footprint") -> "Footprint":
        return Footprint(
            device_bytes=self.device_bytes + other.device_bytes,
            host_bytes=self.host_bytes + other.host_bytes,
        )

    def __sub__(self, other: "Footprint") -> "Footprint":
        """What is left, never less than nothing."""
        return Footprint(
            device_bytes=max(0, self.device_bytes - other.device_bytes),
            host_bytes=max(0, self.host_bytes - other.host_bytes),
        )

    def covers(self, need: "Footprint") -> bool:
        """Whether `need` fits in this much memory."""
        return self.device_bytes >= need.device_bytes and self.host_bytes >= need.host_bytes


@final
class Resident(Picture, frozen=True, kw_only=True):
    """An engine that holds memory now."""

    name: ModelName
    footprint: Footprint
    leases: int
    last_used: float


@final
class LoadNow(Picture, frozen=True, kw_only=True):
    """Load with the memory that is free."""


@final
class Evict(Picture, frozen=True, kw_only=True):
    """End these engines, in this order, then load."""

    names: tuple[ModelName, ...]


@final
class Wait(Picture, frozen=True, kw_only=True):
    """Every way to more room leads over busy engines; look again when one of them rests."""

    names: tuple[ModelName, ...]


Room = LoadNow | Evict | Wait


def make_room(
    need: Footprint,
    residents: Sequence[Resident],
    *,
    free: Footprint,
    loaded_max: int,
    force: bool = False,
) -> Room:
    """The way to room for `need`, which is what the model takes when it has the machine alone.

    `free` is what no engine of ours holds. With `force` busy engines may be ended too, after the
    idle ones. An answer of `Evict` names the fewest of the least recently used that suffice, or
    all of them when none suffices: then the model is loaded smaller than wished.
    """
    idle = [resident for resident in residents if not resident.leases or force]
    idle.sort(key=lambda resident: (resident.leases > 0, resident.last_used))
    busy = [resident for resident in residents if resident.leases and not force]
    places = loaded_max - len(residents)
    evicted: list[ModelName] = []
    while not (places > 0 and free.covers(need)) and idle:
        resident = idle.pop(0)
        evicted.append(resident.name)
        free += resident.footprint
        places += 1
    if places > 0 and free.covers(need):
        return _evict(evicted)
    if busy:
        return Wait(names=tuple(resident.name for resident in busy))
    return _evict(evicted)


def _evict(names: list[ModelName]) -> Room:
    return Evict(names=tuple(names)) if names else LoadNow()
