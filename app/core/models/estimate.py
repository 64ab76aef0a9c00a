"""Estimate: the bytes that a load takes, part by part.

Weights and the KV cache are exact: sums over tensors, and llama.cpp's own arithmetic. The compute
buffer depends on how ggml reuses memory between the steps of its graph; the formula was fitted to
what llama.cpp 0.3.36 logs for models of several widths, vocabularies and batches, and is rounded
up. It has two peaks, of which the larger counts: a layer's widest point, and the logits.

A token's numbers are F32. The attention mask has a number for each token and cell, two bytes wide
with flash attention; without it the scores of all heads are kept besides, which for long contexts
is most of the memory. Source: llama-context.cpp (sched_reserve), measured in tests.
"""

from dataclasses import dataclass
from typing import Final, final

from app.core.models.card import Layer, ModelCard, kv_bytes, state_bytes

CELLS_ALIGNMENT: Final = 256
"""llama.cpp rounds the number of cells up to it."""

_NUMBER: Final = 4
_HIDDEN_COPIES: Final = 6
"""Embedding-wide numbers of a token that are alive at a layer's widest point."""
_FORWARD_COPIES: Final = 3
"""The two halves of a gated feed-forward part and their product."""
_STATE_COPIES: Final = 12
"""State-wide numbers of a token inside a recurrent layer."""
_SLACK_SHARE: Final = 8
"""A buffer is taken to be an eighth larger than computed, for alignment and graph differences."""
_SLACK_BYTES: Final = 8 * 1024 * 1024
_WEIGHT_COPIES: Final = 2
"""Weights in RAM that a GPU computes with are copied to it tensor by tensor, one ahead."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What of a plan decides how much memory a layer needs."""

    cells: int
    slots: int
    outputs: int
    """Tokens of a decode call whose logits are wanted, at most."""
    micro_batch: int
    key_type: str
    value_type: str
    has_flash_attention: bool


def aligned(cells: int) -> int:
    """The number of cells llama.cpp makes of `cells`."""
    return (cells + CELLS_ALIGNMENT - 1) // CELLS_ALIGNMENT * CELLS_ALIGNMENT


def layer_memory(layer: Layer, setup: Setup) -> int:
    """KV cache and recurrent states of one layer."""
    per_token = kv_bytes(layer, setup.key_type, setup.value_type)
    return per_token * setup.cells + state_bytes(layer) * setup.slots


def hidden_work(card: ModelCard, setup: Setup) -> int:
    """Compute buffer of a device that has layers but not the output."""
    return _with_slack(_layer_peak(card, setup))


def output_work(card: ModelCard, setup: Setup) -> int:
    """What the output adds to the compute buffer of its device."""
    extra = _logits_peak(card, setup) - _layer_peak(card, setup)
    return extra + extra // _SLACK_SHARE if extra > 0 else 0


def copied_weights(card: ModelCard) -> int:
    """What a GPU's buffer holds besides while some layers are in RAM."""
    return _WEIGHT_COPIES * max((layer.tensor_bytes_max for layer in card.layers), default=0)


def host_work(card: ModelCard, setup: Setup, *, feeds_gpu: bool) -> int:
    """RAM that is used however many layers are on GPUs: inputs, and logits as they are read."""
    inputs = setup.micro_batch * card.embedding_length * _NUMBER
    if feeds_gpu:
        inputs += _mask(card, setup)
    read = 0 if card.is_embedding else setup.outputs * card.vocabulary * _NUMBER
    return _with_slack(inputs) + read


def _layer_peak(card: ModelCard, setup: Setup) -> int:
    numbers = _HIDDEN_COPIES * card.embedding_length
    numbers += _FORWARD_COPIES * card.feed_forward_length + _STATE_COPIES * card.state_width
    state = max((state_bytes(layer) for layer in card.layers), default=0)
    return setup.micro_batch * numbers * _NUMBER + _mask(card, setup) + 2 * setup.slots * state


def _logits_peak(card: ModelCard, setup: Setup) -> int:
    if card.is_embedding:
        return 0
    hidden = 2 * setup.micro_batch * card.embedding_length
    return (setup.outputs * card.vocabulary + hidden) * _NUMBER


def _mask(card: ModelCard, setup: Setup) -> int:
    """The attention masks, and the scores where flash attention does not spare them."""
    if card.is_recurrent:
        return 0
    is_cached = any(layer.key_length for layer in card.layers)
    seen = setup.micro_batch * (setup.cells if is_cached else setup.micro_batch)
    # Layers with a window have a mask of their own.
    masks = 2 if card.window else 1
    if setup.has_flash_attention:
        return masks * seen * 2
    return seen * _NUMBER * (masks + card.heads)


def _with_slack(size: int) -> int:
    return size + size // _SLACK_SHARE + _SLACK_BYTES
