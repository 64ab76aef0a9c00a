"""Planning: what a model would take of this machine, and the plan by which it is loaded.

Two plans are made for a load. The first is for the machine without any engine of ours: it says
what the model would like to have, and so which others should make room. The second is made when
they have, from the memory that is then really free.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, final

import msgspec
from msgspec.structs import replace

from app.core.models.card import ModelCard
from app.core.models.fit import plan_load
from app.core.models.ladder import safer, words
from app.core.models.layout import Need
from app.core.models.plan import DeviceUse, LoadPlan
from app.core.models.wishes import Wishes
from app.core.state.node_state import Device
from app.core.state.room import Footprint
from app.wire.model import ModelSource

_TOY_CONTEXT: Final = 4096
_TOY_CELLS: Final = 65_536

Bytes = Mapping[str, int]
"""Memory by the name of a device."""


@final
class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A way to load a model, and what it takes."""

    source: ModelSource
    plan: LoadPlan
    """On the top rung."""
    needs: dict[str, int]
    """Bytes by the name of a device, by estimate."""
    footprint: Footprint
    free: Footprint
    """What may be taken, by the same estimate."""
    explanation: str

    def on(self, rung: int) -> LoadPlan:
        """The plan after `rung` steps of the ladder."""
        return safer(self.plan, rung)

    def explained(self, rung: int) -> tuple[str, ...]:
        """Why it is loaded as it is, for the owner."""
        given_up = words(self.plan, rung)
        sentences = (self.explanation, f"It crashed, so it runs {given_up}." if given_up else "")
        return tuple(sentence for sentence in sentences if sentence)


def choose(
    source: ModelSource, card: ModelCard, devices: Sequence[Device], wishes: Wishes
) -> Choice:
    """The best load of the model on `devices` as they are now.

    Raises: RequestError for a wish that cannot be; ModelDoesNotFit.
    """
    if source.backend == "toy":
        return Choice(
            source=source,
            plan=_toy_plan(card, wishes),
            needs={},
            footprint=Footprint(),
            free=Footprint(),
            explanation="",
        )
    fit = plan_load(card, [use_of(device) for device in devices], wishes)
    return Choice(
        source=source,
        plan=fit.plan,
        needs={need.name: need.total for need in fit.needs},
        footprint=_footprint(fit.needs, lambda need: need.total),
        free=_footprint(fit.needs, lambda need: need.limit),
        explanation=fit.explanation,
    )


def without(devices: Sequence[Device], residents: Iterable[Bytes]) -> list[Device]:
    """The devices as they would be if the residents' memory were given back."""
    taken: dict[str, int] = {}
    for needs in residents:
        for name, size in needs.items():
            taken[name] = taken.get(name, 0) + size
    return [
        replace(
            device,
            memory_free=min(device.memory_total, device.memory_free + taken.get(device.name, 0)),
        )
        for device in devices
    ]


def use_of(device: Device) -> DeviceUse:
    """What plans and verdicts know of a device."""
    return DeviceUse(
        name=device.name,
        description=device.description,
        kind=device.kind,
        memory_free=device.memory_free,
        memory_total=device.memory_total,
    )


def identity(card: ModelCard) -> str:
    """The same for the same model wherever its file lies, and another for any other."""
    nowhere = replace(card, path="", shards=())
    return hashlib.sha256(msgspec.msgpack.encode(nowhere)).hexdigest()


def _toy_plan(card: ModelCard, wishes: Wishes) -> LoadPlan:
    context = wishes.context or _TOY_CONTEXT
    return LoadPlan(
        context=context,
        cells=wishes.cells or max(context, _TOY_CELLS),
        sequences=wishes.sequences,
        slots=3 * wishes.sequences,
        gpu_layers=0,
        is_embedding=card.is_embedding,
        speculation=wishes.speculation,
    )


def _footprint(needs: Iterable[Need], count: Callable[[Need], int]) -> Footprint:
    host = device = 0
    for need in needs:
        if need.kind == "cpu":
            host += count(need)
        else:
            device += count(need)
    return Footprint(host_bytes=host, device_bytes=device)
