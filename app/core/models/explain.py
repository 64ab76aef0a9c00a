"""Explain: why a model is loaded as it is, or cannot be, in sentences for its owner."""

from collections.abc import Sequence
from typing import Final

from app.core.base.errors import ModelDoesNotFit
from app.core.models.card import ModelCard
from app.core.models.layout import Layout, Need, Room, whole_need
from app.core.models.plan import LoadPlan
from app.core.models.quant import smaller_recipe
from app.core.models.search import CONTEXT_MIN, Search

_CONTEXT_ADVISED_MIN: Final = 2048
"""A shorter one would be bad advice."""

_GIB: Final = 1024**3
_MIB: Final = 1024**2


def size(count: int) -> str:
    """Bytes as people read them: "4.6 GiB", "312 MiB"."""
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{-(-count // _MIB)} MiB"


def explain(search: Search, plan: LoadPlan, layout: Layout) -> str:
    """What was chosen, what limited it, and what would give more."""
    sentences = [
        _layers(search, plan, layout),
        _context(search, plan),
        _memory(layout.needs),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def does_not_fit(search: Search) -> ModelDoesNotFit:
    """The error for a search that found nothing: what is needed, what is there, what would help."""
    card, wishes = search.card, search.wishes
    context = search.context_max if wishes.context else min(search.context_max, CONTEXT_MIN)
    layers = min(max(0, wishes.gpu_layers), search.layers) if search.gpus else 0
    needs = [search.layout(context, layers).needs[0]]
    if layers:
        needs.append(whole_need(card, search.setup(context), layers))
    where = f" with {layers} of {search.layers} layers on the GPU" if layers else ""
    rooms = (search.cpu, *search.gpus)
    free = ", ".join(f"{size(room.limit)} of {_place(room)}" for room in rooms)
    return ModelDoesNotFit(
        f"{card.name or card.path} does not fit{where}: beside {context} tokens of context it "
        f"needs {_parts(needs)}; {free} may be used.",
        remedy=_remedy(card, search, needs, rooms),
    )


def _layers(search: Search, plan: LoadPlan, layout: Layout) -> str:
    total = search.layers
    if not search.gpus:
        return "All layers are in RAM: no GPU was found."
    if search.wishes.gpu_layers == 0:
        return "All layers are in RAM, as asked."
    if plan.gpu_layers == total:
        return f"All {total} layers are on the GPU{_several(layout)}."
    left = total - plan.gpu_layers
    placed = f"{plan.gpu_layers} of {total} layers are on the GPU{_several(layout)}"
    if search.wishes.gpu_layers > 0:
        return f"{placed}, as asked."
    fit = "does" if left == 1 else "do"
    beside = f"{left} {fit} not fit beside {plan.context} tokens of context"
    return f"{placed}: {beside}{_advice(search, plan)}."


def _several(layout: Layout) -> str:
    used = [need for need in layout.needs[1:] if need.layers]
    if len(used) < 2:
        return f" {used[0].name}" if used else ""
    return "s " + ", ".join(f"{need.name} ({need.layers})" for need in used)


def _advice(search: Search, plan: LoadPlan) -> str:
    """What would bring all layers onto the GPUs."""
    ways = []
    if (context := search.context_of_all_layers()) >= _CONTEXT_ADVISED_MIN:
        ways.append(f"a context of {context}")
    need = whole_need(search.card, search.setup(plan.context), search.layers)
    room = sum(gpu.limit for gpu in search.gpus) - need.memory - need.compute
    if recipe := smaller_recipe(search.card.bits_per_weight, room / need.weights):
        ways.append(f"the model as {recipe}")
    return f"; {' or '.join(ways)} would fit" if ways else ""


def _context(search: Search, plan: LoadPlan) -> str:
    trained, wished = search.card.context_trained, search.wishes.context
    if wished > trained:
        return f"The context is {trained} tokens, the most it was trained on."
    if wished or plan.context >= trained:
        return f"The context is {plan.context} tokens."
    if plan.gpu_layers == search.layers and not search.card.is_embedding:
        reason = "as many as fit"
    else:
        reason = "more when asked for"
    return f"The context is {plan.context} of {trained} tokens, {reason}."


def _memory(needs: Sequence[Need]) -> str:
    taken = [f"{size(need.total)} of {_named(need)}" for need in needs if need.layers]
    return f"It takes about {' and '.join(taken)}."


def _named(need: Need) -> str:
    return "RAM" if need.kind == "cpu" else need.name


def _place(room: Room) -> str:
    return "RAM" if room.device.kind == "cpu" else room.device.name


def _parts(needs: Sequence[Need]) -> str:
    weights = sum(need.weights for need in needs)
    memory = sum(need.memory for need in needs)
    compute = sum(need.compute for need in needs)
    return (
        f"{size(weights + memory + compute)} ({size(weights)} of weights, {size(memory)} for the "
        f"context, {size(compute)} to compute)"
    )


def _remedy(card: ModelCard, search: Search, needs: Sequence[Need], rooms: Sequence[Room]) -> str:
    """What the owner can do."""
    ways = ["close other programs"]
    if search.wishes.context > CONTEXT_MIN:
        ways.append("ask for a shorter context")
    if search.wishes.gpu_layers > 0:
        ways.append("ask for fewer layers on the GPU")
    weights = sum(need.weights for need in needs)
    others = sum(need.memory + need.compute for need in needs)
    room = (sum(one.limit for one in rooms) - others) / weights if weights else 0.0
    if recipe := smaller_recipe(card.bits_per_weight, room):
        ways.append(f"choose the model as {recipe}")
    else:
        ways.append("choose a smaller model")
    sentence = ", or ".join(ways)
    return f"{sentence[0].upper()}{sentence[1:]}."
