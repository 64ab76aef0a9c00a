"""Search: the largest context, layers and cells that fit, one after the other.

1. the context, up to what the model was trained on, but at first no more than `CONTEXT_WANTED`;
2. the layers on GPUs, beside that context;
3. if all layers are there, more context;
4. cells for several sequences, from half of what is then still free.

Law: more memory never gives less context, and beside the same context never fewer layers. It holds
because each choice is the largest that fits, and what fits grows with memory. RAM is dearer to the
owner than VRAM, and a long context is slow on a CPU, so what is chosen freely stays modest there.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

from app.core.models.card import ModelCard
from app.core.models.estimate import CELLS_ALIGNMENT, Setup, aligned
from app.core.models.layout import Layout, lay_out, rooms
from app.core.models.plan import DeviceUse
from app.core.models.wishes import Wishes
from app.core.scheduling.lookup import outputs_max

CONTEXT_WANTED: Final = 8192
"""Enough for conversations. More is chosen where all layers are on GPUs, or given when asked."""

CONTEXT_MIN: Final = 512
"""Below it a chat model is of no use; less only if asked for or trained so."""

CONTEXT_IN_RAM: Final = 4096
"""Context that is given even if its KV cache takes more RAM than `RAM_MEMORY_MAX`."""

RAM_MEMORY_MAX: Final = 2 * 1024**3
"""RAM for KV cache past `CONTEXT_IN_RAM`, unless asked for. llama.cpp fills the cache at the start,
so it is really taken, and it would surprise an owner who asked for nothing."""

CONTEXT_MAX: Final = 16 * 1024**2
"""Whatever a header claims: llama.cpp counts cells in 32 bits."""

CELLS_MAX: Final = 262_144
"""Cells chosen freely; a longer context still gets as many as it needs."""

EMBEDDING_CONTEXT_MAX: Final = 8192
"""Chosen freely: an input is computed at once, so memory grows with the square of its length."""

EMBEDDING_BATCH: Final = 2048
"""Tokens of several inputs that are computed at once."""

EMBEDDING_SLOTS: Final = 64
"""Inputs in one batch; a power of two."""

SLOTS: Final = 48
SLOTS_MAX: Final = 256
"""LLAMA_MAX_SEQ."""

SLOTS_A_SEQUENCE: Final = 3
"""Each running sequence may leave this many behind as kept prefixes."""

SLOTS_WITH_STATE: Final = 4
"""Slots for kept prefixes where each slot costs a whole recurrent state."""

MICRO_BATCH: Final = 512


@final
class Search:
    """One model, on these devices, with these wishes."""

    def __init__(self, card: ModelCard, devices: Sequence[DeviceUse], wishes: Wishes) -> None:
        self.card = card
        self.wishes = wishes
        self.cpu, gpus = rooms(devices, wishes.memory_margin_bytes)
        self.gpus = gpus[:1] if wishes.split_mode == "none" else gpus
        self.layers = len(card.layers) + 1

    def setup(self, context: int, cells: int = 0) -> Setup:
        """What decides the memory of a load with `context`, and `cells` or as few as that needs."""
        wishes, card = self.wishes, self.card
        cells = aligned(max(cells, context, wishes.cells))
        batch = min(MICRO_BATCH, wishes.step_tokens or MICRO_BATCH)
        if card.is_embedding:
            batch = aligned(max(context, wishes.step_tokens or EMBEDDING_BATCH))
            cells = max(cells, batch)
        slots = self._slots()
        # What the engine reserves: an output for each sequence id, of which a cache with a window
        # has two for each slot, or what a step with drafts can want.
        outputs = max(2 * slots, outputs_max(wishes.sequences))
        return Setup(
            cells=cells,
            slots=slots,
            outputs=min(batch, outputs),
            micro_batch=batch,
            key_type=wishes.key_type,
            value_type=wishes.value_type,
            has_flash_attention=wishes.flash_attention != "off",
        )

    def layout(self, context: int, layers: int, cells: int = 0) -> Layout:
        """Where `layers` of the model and the rest go, and whether they fit there."""
        return lay_out(
            self.card,
            self.setup(context, cells),
            layers,
            cpu=self.cpu,
            gpus=self.gpus,
            shares=self.wishes.tensor_split,
        )

    @property
    def context_max(self) -> int:
        """The longest context that may be given at all."""
        asked = self.wishes.context or self.wishes.cells or self.card.context_trained
        if self.card.is_embedding and not self.wishes.context:
            asked = min(asked, EMBEDDING_CONTEXT_MAX)
        return min(self.card.context_trained, asked, CONTEXT_MAX)

    def context_and_layers(self) -> tuple[int, int] | None:
        """The first three choices; None where nothing fits."""
        first = self.context_max
        if not self.wishes.context and not self.card.is_embedding:
            first = min(first, CONTEXT_WANTED)
        least = first if self.wishes.context else min(first, CONTEXT_MIN)
        context = largest(least, first, lambda one: self._layers_beside(one) is not None)
        if context is None:
            return None
        layers = self._layers_beside(context)
        assert layers is not None
        if layers == self.layers and self.gpus and not self.wishes.context:
            longest = largest(context, self.context_max, lambda one: self._fits(one, layers))
            context = longest or context
        return context, layers

    def cells(self, context: int, layers: int) -> int:
        """The fourth choice. `context` and `layers` fit."""
        least = self.setup(context).cells
        most = min(aligned(context * self.wishes.sequences), CELLS_MAX)
        if self.wishes.cells or self.card.is_embedding or most <= least:
            return least
        before = self.layout(context, layers)

        def is_modest(cells: int) -> bool:
            after = self.layout(context, layers, cells)
            in_ram = after.needs[0].memory
            return (
                after.fits
                and (in_ram <= RAM_MEMORY_MAX or in_ram == before.needs[0].memory)
                and all(
                    2 * new.total <= old.total + old.limit
                    for new, old in zip(after.needs, before.needs, strict=True)
                )
            )

        return largest(least, most, is_modest) or least

    def context_of_all_layers(self) -> int:
        """The longest context beside which all layers fit on GPUs; 0 where none does."""
        least = min(self.context_max, CONTEXT_MIN)
        if not self.gpus:
            return 0
        return largest(least, self.context_max, lambda one: self._fits(one, self.layers)) or 0

    def _slots(self) -> int:
        sequences = self.wishes.sequences
        if self.card.is_embedding:
            # It must divide the batch, or llama.cpp aborts when it reserves its pooling graph.
            return max(EMBEDDING_SLOTS, 1 << sequences.bit_length())
        if self.card.has_state:
            return sequences + SLOTS_WITH_STATE
        return min(SLOTS_MAX, max(SLOTS, sequences * SLOTS_A_SEQUENCE))

    def _layers_beside(self, context: int) -> int | None:
        """The most layers on GPUs that fit beside `context`; None where even none do."""
        if not self.gpus:
            candidates = range(1)
        elif self.wishes.gpu_layers >= 0:
            only = min(self.wishes.gpu_layers, self.layers)
            candidates = range(only, only + 1)
        else:
            candidates = range(self.layers + 1)
        return next((one for one in reversed(candidates) if self._fits(context, one)), None)

    def _fits(self, context: int, layers: int) -> bool:
        layout = self.layout(context, layers)
        is_asked_for = self.wishes.context or self.wishes.cells or self.card.is_embedding
        is_modest = context <= CONTEXT_IN_RAM or layout.needs[0].memory <= RAM_MEMORY_MAX
        return layout.fits and bool(is_asked_for or is_modest)


def largest(least: int, most: int, is_good: Callable[[int], bool]) -> int | None:
    """The largest good number from `least` to `most`, of those two and the multiples of
    CELLS_ALIGNMENT between them; None where not even `least` is good.

    What is good must stay good when it becomes smaller.
    """
    if is_good(most):
        return most
    if least >= most or not is_good(least):
        return None
    low, high = least // CELLS_ALIGNMENT, (most - 1) // CELLS_ALIGNMENT
    while low < high:
        middle = (low + high + 1) // 2
        if is_good(middle * CELLS_ALIGNMENT):
            low = middle
        else:
            high = middle - 1
    return max(least, low * CELLS_ALIGNMENT)
