"""Offering: which models of this node are lent now, as the pool may know them. Pure.

A model is known to a pool by its content alone, so one whose content was not read yet is not
offered; `unread` names those, so that somebody reads them.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from app.core.base.ids import ModelName
from app.core.base.units import Micros
from app.core.models.card import ModelCard
from app.core.pool.lending import guest_slots
from app.core.state.engine_life import EngineFacts, Ready
from app.core.state.node_state import Device, ModelState, NodeState
from app.server.models.entry import Entry
from app.wire.pool import OfferedModel

MODELS_MAX: Final = 500
"""More than a registration may name, and than anybody lends."""

_READ: Final = {"computed", "altered"}


class Offering(NamedTuple):
    """What can be lent, and what could be if its content were read."""

    models: Mapping[str, OfferedModel]
    """By sha256."""
    unread: tuple[ModelName, ...]


def offering(
    entries: Iterable[Entry],
    state: NodeState,
    *,
    lent: Sequence[str],
    slots_percent: int,
    sequences: int,
    context: int,
    price_floor: Micros,
) -> Offering:
    """What the owner's settings lend of the library.

    `sequences` and `context` are the settings' for models that are not loaded; 0 of context means
    what the model was trained on.
    """
    models: dict[str, OfferedModel] = {}
    unread: list[ModelName] = []
    for entry in entries:
        card = entry.card
        is_lent = any(_fits(name, lent) for name in (entry.name, *entry.aliases))
        if entry.refusal or card is None or not is_lent or len(models) >= MODELS_MAX:
            continue
        if entry.proof not in _READ or not entry.sha256:
            unread.append(entry.name)
            continue
        facts = _facts(state.models.get(entry.name))
        models[entry.sha256] = OfferedModel(
            sha256=entry.sha256,
            name=entry.name,
            architecture=card.architecture,
            parameters=card.parameters,
            quantisation=card.quantisation,
            context=facts.context if facts else _context(card, context),
            slots=guest_slots(facts.sequences if facts else sequences, slots_percent),
            is_loaded=facts is not None,
            is_embedding=card.is_embedding,
            price_floor=price_floor,
        )
    return Offering(models, tuple(unread))


def gpu_of(devices: Iterable[Device]) -> tuple[str, int]:
    """The names of the GPUs and their memory in bytes, for the host; ("", 0) without one."""
    gpus = [device for device in devices if device.kind == "gpu"]
    names = ", ".join(device.description or device.name for device in gpus)
    return names, sum(device.memory_total for device in gpus)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _facts(model: ModelState | None) -> EngineFacts | None:
    return model.life.facts if model is not None and isinstance(model.life, Ready) else None


def _context(card: ModelCard, wished: int) -> int:
    trained = card.context_trained
    return min(wished, trained) if wished and trained else wished or trained
