"""Layers: how much memory each block of a network keeps for a token and for a sequence.

llama.cpp decides this by architecture, partly in code; the rules below restate those that change
how much is allocated. Where a newer architecture is unknown here, its keys still tell most of it:
attention is sized by heads and head widths, and a state by the keys of its state-space part.

Source: llama-hparams.cpp (n_embd_k_gqa, n_embd_r, n_embd_s, has_kv), llama-model.cpp
(create_memory) and models/*.cpp of llama-cpp-python 0.3.36.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from app.core.models.card import Layer
from app.core.models.header import Counted, Header

WITHOUT_CACHE: Final = frozenset(
    {
        "bert",
        "jina-bert-v2",
        "jina-bert-v3",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "eurobert",
        "modern-bert",
        "gemma-embedding",
        "wavtokenizer-dec",
        "dream",
        "llada",
        "llada-moe",
        "rnd1",
    }
)
"""Networks that see their whole input at once and keep nothing."""

_RECURRENT: Final = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})

_FULL_ATTENTION_INTERVAL: Final = {
    "qwen3next": 4,
    "qwen35": 4,
    "qwen35moe": 4,
    "qwen4exp": 4,
    "minimax-01": 8,
}
"""Hybrids in which every n-th layer attends and the others are recurrent; llama.cpp's defaults."""

_GEMMA3N_LAYERS_WITH_CACHE: Final = 20
"""A constant in llama.cpp; later layers of gemma3n reuse the cache of earlier ones."""


@final
@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of one block's tensors, and of the largest of them."""

    total: int = 0
    largest: int = 0


def layers_of(header: Header, heads: Sequence[int], weights: Sequence[Weights]) -> list[Layer]:
    """The blocks in order. `heads` are the attention heads of each, `weights` its tensors.

    Raises: ModelFileInvalid.
    """
    count = len(weights)
    heads_kv = kv_heads(header, heads)
    recurrent = _recurrent_layers(header, heads_kv)
    attending = _attending_layers(header, heads_kv, recurrent)
    widths = _head_widths(header, heads)
    state = _state_length(header, heads)
    indexer = header.number(f"{header.architecture}.attention.indexer.key_length") or 0
    layers = []
    for index in range(count):
        key_width, value_width = widths[index]
        key = attending[index] * (heads_kv[index] * key_width + indexer)
        value = attending[index] * heads_kv[index] * value_width
        layers.append(
            Layer(
                weight_bytes=weights[index].total,
                tensor_bytes_max=weights[index].largest,
                key_length=key,
                value_length=value,
                state_length=recurrent[index] * state,
            )
        )
    return layers


def kv_heads(header: Header, heads: Sequence[int]) -> tuple[int, ...]:
    """Key and value heads of each layer; as many as heads where the file does not say."""
    key = f"{header.architecture}.attention.head_count_kv"
    return header.per_layer(key, len(heads)) or tuple(heads)


def _main_layers(header: Header, count: int) -> int:
    """Layers without those that only predict further tokens; llama.cpp gives these no memory."""
    extra = header.number(f"{header.architecture}.nextn_predict_layers") or 0
    return max(0, count - extra)


def _recurrent_layers(header: Header, heads_kv: Sequence[int]) -> list[bool]:
    """Which layers keep a state."""
    architecture, count = header.architecture, len(heads_kv)
    main = _main_layers(header, count)
    if architecture in _RECURRENT or architecture == "falcon-h1":
        return [True] * count
    if architecture in _FULL_ATTENTION_INTERVAL:
        marked = header.per_layer(f"{architecture}.attention.recurrent_layers", count)
        if marked is not None:
            return [bool(one) for one in marked]
        interval = header.number(f"{architecture}.full_attention_interval")
        every = interval or _FULL_ATTENTION_INTERVAL[architecture]
        return [index < main and (index + 1) % every != 0 for index in range(count)]
    if not _has_state_keys(header):
        return [False] * count
    forward = header.per_layer(f"{architecture}.feed_forward_length", count) or (0,) * count
    if architecture.startswith("nemotron_h"):
        return [
            index < main and heads_kv[index] == 0 and forward[index] == 0 for index in range(count)
        ]
    by_heads = [index < main and heads_kv[index] == 0 for index in range(count)]
    # State-space keys, yet every layer attends: an architecture that does both in each layer.
    return by_heads if any(by_heads) else [index < main for index in range(count)]


def _has_state_keys(header: Header) -> bool:
    keys = (
        "ssm.inner_size",
        "ssm.state_size",
        "shortconv.l_cache",
        "kda.head_dim",
        "wkv.head_size",
    )
    return any(header.number(f"{header.architecture}.{key}") for key in keys)


def _attending_layers(
    header: Header, heads_kv: Sequence[int], recurrent: Sequence[bool]
) -> list[bool]:
    """Which layers keep keys and values."""
    architecture, count = header.architecture, len(heads_kv)
    if architecture in WITHOUT_CACHE or architecture in _RECURRENT:
        return [False] * count
    last = _main_layers(header, count)
    if architecture == "gemma3n":
        last = min(last, _GEMMA3N_LAYERS_WITH_CACHE)
    shared = header.number(f"{architecture}.attention.shared_kv_layers") or 0
    last = min(last, max(0, count - shared))
    alone = architecture in _FULL_ATTENTION_INTERVAL
    return [
        index < last and heads_kv[index] > 0 and not (alone and recurrent[index])
        for index in range(count)
    ]


def _head_widths(header: Header, heads: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers in a key and in a value of one head, for each layer."""
    architecture, count = header.architecture, len(heads)
    if not heads or heads[0] == 0:
        return [(0, 0)] * count
    default = (header.number(f"{architecture}.embedding_length") or 0) // heads[0]
    key = _or(header.number(f"{architecture}.attention.key_length"), default)
    value = _or(header.number(f"{architecture}.attention.value_length"), default)
    if header.number(f"{architecture}.attention.key_length_mla"):
        # Multi-head latent attention: values are read out of the compressed keys.
        value = 0
    key_window = _or(header.number(f"{architecture}.attention.key_length_swa"), key)
    value_window = _or(header.number(f"{architecture}.attention.value_length_swa"), value)
    full, windowed = (key, value), (key_window, value_window if value else 0)
    if full == windowed:
        return [full] * count
    pattern = _window_pattern(header, count)
    if pattern is None:
        return [(max(key, key_window), max(value, value_window))] * count
    return [windowed if is_windowed else full for is_windowed in pattern]


def _window_pattern(header: Header, count: int) -> list[bool] | None:
    """Which layers see only a window; None where the file does not list them."""
    value = header.metadata.get(f"{header.architecture}.attention.sliding_window_pattern")
    if isinstance(value, Counted) or not isinstance(value, tuple) or len(value) < count:
        return None
    return [bool(one) for one in value[:count]]


def _state_length(header: Header, heads: Sequence[int]) -> int:
    """Numbers that a recurrent layer keeps for a sequence: its convolution's and its state's."""
    architecture = header.architecture
    width = header.number(f"{architecture}.embedding_length") or 0
    first = heads[0] if heads else 0

    def number(key: str) -> int:
        return header.number(f"{architecture}.{key}") or 0

    if wkv := number("wkv.head_size"):
        return _or(header.number(f"{architecture}.token_shift_count"), 2) * width + width * wkv
    kernel = number("ssm.conv_kernel")
    if short := number("shortconv.l_cache"):
        return width * (short - 1)
    if head := number("kda.head_dim"):
        return 3 * (kernel - 1 if kernel else 3) * first * head + head * head * first
    if architecture == "minimax-01":
        head = _or(header.number(f"{architecture}.attention.key_length"), width // max(1, first))
        return head * head * first
    inner, state = number("ssm.inner_size"), number("ssm.state_size")
    convolution = max(0, kernel - 1) * (inner + 2 * number("ssm.group_count") * state)
    return convolution + state * inner


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
