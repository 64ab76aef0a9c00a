"""Fit: how a model is loaded so that it fits the machine and serves well.

What is asked for is honoured or refused with the numbers; what is left open is chosen by search.py.
By its own estimate a plan never takes more than is free less the margin.
"""

from collections.abc import Sequence
from typing import Final, final

import msgspec

from app.core.base.errors import RequestError
from app.core.models.card import ModelCard
from app.core.models.explain import does_not_fit, explain
from app.core.models.layout import Layout, Need
from app.core.models.plan import DeviceUse, LoadPlan
from app.core.models.quant import CACHE_TYPES
from app.core.models.search import SLOTS_MAX, SLOTS_WITH_STATE, Search
from app.core.models.wishes import Wishes

STEP_TOKENS_CPU: Final = 512
"""A step that holds RAM layers takes a second or so; a newcomer waits for its end."""

STEP_TOKENS_GPU: Final = 2048

PARKED_BYTES_MAX: Final = 2 * 1024**3


@final
class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, what it will take by our estimate, and why it is so."""

    plan: LoadPlan
    needs: tuple[Need, ...]
    """The CPU's first, then each GPU's."""
    layers: int
    """All there are, the output counted as one, as in `plan.gpu_layers`."""
    explanation: str
    """For the owner: sentences."""


def plan_load(card: ModelCard, devices: Sequence[DeviceUse], wishes: Wishes) -> Fit:
    """The best load of the model on `devices`, one of which is the CPU with the RAM free now.

    Raises: RequestError for a wish that cannot be; ModelDoesNotFit, with the numbers.
    """
    _check(card, wishes)
    search = Search(card, devices, wishes)
    found = search.context_and_layers()
    if found is None:
        raise does_not_fit(search)
    context, layers = found
    cells = search.cells(context, layers)
    layout = search.layout(context, layers, cells)
    assert layout.fits, "what was chosen must fit"
    plan = _plan(search, context, layers, cells, layout)
    return Fit(
        plan=plan,
        needs=layout.needs,
        layers=search.layers,
        explanation=explain(search, plan, layout),
    )


def _plan(search: Search, context: int, layers: int, cells: int, layout: Layout) -> LoadPlan:
    card, wishes = search.card, search.wishes
    setup = search.setup(context, cells)
    step = STEP_TOKENS_GPU if layers == search.layers and search.gpus else STEP_TOKENS_CPU
    ram = layout.needs[0]
    # Without this, llama.cpp would still compute long prompts on the GPU, in memory that is not
    # there: with "none" and -1 it leaves GPUs alone.
    is_apart = bool(search.gpus) and not layers
    return LoadPlan(
        context=context,
        cells=setup.cells,
        sequences=wishes.sequences,
        slots=setup.slots,
        step_tokens=setup.micro_batch if card.is_embedding else wishes.step_tokens or step,
        micro_batch=setup.micro_batch,
        gpu_layers=layers,
        split_mode="none" if is_apart else wishes.split_mode,
        main_gpu=-1 if is_apart else 0,
        tensor_split=layout.split,
        key_type=wishes.key_type,
        value_type=wishes.value_type,
        flash_attention=wishes.flash_attention,
        threads=wishes.threads,
        threads_batch=wishes.threads,
        memory_map=wishes.memory_map,
        memory_lock=wishes.memory_lock,
        is_embedding=card.is_embedding,
        speculation=wishes.speculation,
        parked_bytes_max=min(PARKED_BYTES_MAX, (ram.limit - ram.total) // 2),
    )


def _check(card: ModelCard, wishes: Wishes) -> None:
    """Refuses what no machine could do."""
    slots_kept = SLOTS_WITH_STATE if card.has_state else 1
    if not 1 <= wishes.sequences <= SLOTS_MAX - slots_kept:
        raise RequestError(
            f"{wishes.sequences} sequences at once were asked for; this model takes 1 to "
            f"{SLOTS_MAX - slots_kept}",
            field="sequences",
        )
    if wishes.cells and wishes.context > wishes.cells:
        raise RequestError(
            f"a context of {wishes.context} tokens was asked for, with {wishes.cells} cells to "
            "hold it; cells must be as many at least",
            field="cells",
        )
    _check_cache_type(card, wishes.key_type, "key_type")
    _check_cache_type(card, wishes.value_type, "value_type")
    if wishes.flash_attention == "off" and CACHE_TYPES[wishes.value_type].elements > 1:
        raise RequestError(
            f"values of type {wishes.value_type} need flash attention, which is off",
            field="value_type",
        )


def _check_cache_type(card: ModelCard, word: str, field: str) -> None:
    kind = CACHE_TYPES.get(word)
    if kind is None:
        raise RequestError(
            f"{word!r} is no type of cache; there are {', '.join(CACHE_TYPES)}", field=field
        )
    for layer, heads in zip(card.layers, card.heads_kv, strict=False):
        length = layer.key_length if field == "key_type" else layer.value_length
        if heads and length // heads % kind.elements:
            raise RequestError(
                f"this model's heads have {length // heads} numbers, which {word} cannot store: "
                f"it takes multiples of {kind.elements}",
                field=field,
            )
