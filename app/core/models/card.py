"""Card: what a model is and what it costs in memory, known before anything is loaded.

Plain values from the headers of its files, cheap to keep and to send. Sizes of memory follow from
`layers`; the rules by which they were found are in layers.py.
"""

from typing import Final, final

import msgspec

from app.core.models.quant import CACHE_TYPES

_STATE_BYTES: Final = 4
"""llama.cpp keeps recurrent states in F32."""


@final
class Layer(msgspec.Struct, frozen=True, array_like=True):
    """One block of the network."""

    weight_bytes: int
    tensor_bytes_max: int
    """The largest single tensor: what is copied at a time when a GPU computes a layer in RAM."""
    key_length: int = 0
    """Numbers kept for a token in the KV cache; 0 where the layer keeps none."""
    value_length: int = 0
    state_length: int = 0
    """Numbers kept for a sequence, however long it is (recurrent layers)."""


@final
class ModelCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model on disk. Bytes are bytes in its files; lengths are counts of numbers."""

    path: str
    """The file to load: the first part of a split model."""
    shards: tuple[str, ...] = ()
    """All parts in order; () for a single file."""

    # What it calls itself; each "" when the file does not say.
    name: str = ""
    basename: str = ""
    size_label: str = ""
    finetune: str = ""
    version: str = ""
    organization: str = ""
    description: str = ""
    licence: str = ""

    architecture: str
    parameters: int
    size_bytes: int
    """Of all its files."""
    weight_bytes: int
    quantisation: str
    """Q4_K_M, F16 and the like; "" when unknown."""

    context_trained: int
    embedding_length: int
    feed_forward_length: int = 0
    """Numbers a token takes inside the widest feed-forward part, experts in use together."""
    heads: int = 0
    """Attention heads of the layer that has most."""
    heads_kv: tuple[int, ...] = ()
    """Key and value heads, layer by layer."""
    window: int = 0
    """Sliding window of attention, in tokens; 0 is none."""
    experts: int = 0
    experts_used: int = 0
    state_width: int = 0
    """Inner width of recurrent layers; 0 where there are none."""

    vocabulary: int
    tokenizer: str = ""
    chat_template_sha256: str = ""
    """"" for a model without a chat template."""
    can_infill: bool = False
    """The vocabulary has the words that fill in the middle needs."""

    is_embedding: bool = False
    is_causal: bool = True
    """False where each token sees the whole input (BERT and its kin)."""
    pooling: str = ""
    """none, mean, cls, last or rank, as the file says; "" when it says nothing."""

    layers: tuple[Layer, ...]
    input_bytes: int = 0
    """Weights before the first layer; they stay in RAM."""
    output_bytes: int = 0
    """Weights after the last layer."""
    expert_bytes: int = 0
    """Weights of all experts together, of which a token uses `experts_used` in `experts`."""
    tied_bytes: int = 0
    """Token embeddings that also serve as output, and so are copied to a GPU that computes it."""

    @property
    def has_chat_template(self) -> bool:
        """Whether the file carries a template for conversations."""
        return bool(self.chat_template_sha256)

    @property
    def is_recurrent(self) -> bool:
        """Whether all its memory is a state of fixed size."""
        return self.has_state and not any(layer.key_length for layer in self.layers)

    @property
    def has_state(self) -> bool:
        """Whether some memory is recurrent, so that a sequence cannot be shortened."""
        return any(layer.state_length for layer in self.layers)

    @property
    def state_bytes(self) -> int:
        """Recurrent memory of one sequence."""
        return _STATE_BYTES * sum(layer.state_length for layer in self.layers)

    @property
    def bits_per_weight(self) -> float:
        """Mean over all tensors."""
        return 8 * self.weight_bytes / self.parameters if self.parameters else 0.0

    def kv_bytes_per_token(self, key_type: str = "f16", value_type: str = "f16") -> int:
        """Attention memory of one token in all layers; the types are words of CACHE_TYPES."""
        return sum(kv_bytes(layer, key_type, value_type) for layer in self.layers)


def kv_bytes(layer: Layer, key_type: str, value_type: str) -> int:
    """Bytes that a token keeps in `layer`."""
    return CACHE_TYPES[key_type].size(layer.key_length) + CACHE_TYPES[value_type].size(
        layer.value_length
    )


def state_bytes(layer: Layer) -> int:
    """Bytes that a sequence keeps in `layer`, however long it is."""
    return _STATE_BYTES * layer.state_length
