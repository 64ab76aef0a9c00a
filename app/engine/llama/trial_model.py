"""Trial model: a GGUF of half a megabyte, made of fixed numbers, that a device is tried with.

Its weights are random, but always the same, and in the types that real models have: half-precision
embeddings, attention in Q8_0, the rest in Q4_0. So a trial runs the kernels that a model runs. It
has no vocabulary; what goes in and comes out are numbers of tokens.
"""

import struct
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

VOCABULARY: Final = 512
CONTEXT: Final = 256
_WIDTH: Final = 256
_HEADS: Final = 4
_HEADS_OF_KEYS: Final = 2
_FEED_FORWARD: Final = 512
_LAYERS: Final = 2
_SEED: Final = 245
"""Of some hundred the one whose best tokens are best by most, a tenth of the logits' spread."""
_OUTPUT_GAIN: Final = 4.0
"""Spreads the logits: no two devices round alike, and the best must be the best by far."""

_ALIGNMENT: Final = 32
_BLOCK: Final = 32
_UINT32, _FLOAT32, _STRING = 4, 6, 8
_F32, _F16, _Q4_0, _Q8_0 = 0, 1, 2, 8

Weights = NDArray[np.float32]


def write_trial_model(path: Path) -> None:
    """Writes it to `path`. Raises: OSError."""
    weights = _Weights()
    keys_width = _WIDTH * _HEADS_OF_KEYS // _HEADS
    weights.add("token_embd.weight", _F16, VOCABULARY, _WIDTH, gain=1.0)
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        weights.ones(block + "attn_norm.weight")
        weights.add(block + "attn_q.weight", _Q8_0, _WIDTH, _WIDTH)
        weights.add(block + "attn_k.weight", _Q8_0, keys_width, _WIDTH)
        weights.add(block + "attn_v.weight", _Q8_0, keys_width, _WIDTH)
        weights.add(block + "attn_output.weight", _Q8_0, _WIDTH, _WIDTH)
        weights.ones(block + "ffn_norm.weight")
        weights.add(block + "ffn_gate.weight", _Q4_0, _FEED_FORWARD, _WIDTH)
        weights.add(block + "ffn_up.weight", _Q4_0, _FEED_FORWARD, _WIDTH)
        weights.add(block + "ffn_down.weight", _Q4_0, _WIDTH, _FEED_FORWARD)
    weights.ones("output_norm.weight")
    weights.add("output.weight", _F16, VOCABULARY, _WIDTH, gain=_OUTPUT_GAIN)
    path.write_bytes(weights.file(_keys()))


def _keys() -> dict[str, str | int | float]:
    return {
        "general.architecture": "llama",
        "general.name": "Athanor's trial of devices",
        "general.alignment": _ALIGNMENT,
        "general.quantization_version": 2,
        "llama.context_length": CONTEXT,
        "llama.embedding_length": _WIDTH,
        "llama.block_count": _LAYERS,
        "llama.feed_forward_length": _FEED_FORWARD,
        "llama.attention.head_count": _HEADS,
        "llama.attention.head_count_kv": _HEADS_OF_KEYS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": _WIDTH // _HEADS,
        "llama.vocab_size": VOCABULARY,
        "tokenizer.ggml.model": "no_vocab",
    }


@final
class _Weights:
    """Tensors in the order of the calls, on which their numbers depend."""

    def __init__(self) -> None:
        self._rng = np.random.Generator(np.random.PCG64(_SEED))
        self._heads: list[bytes] = []
        self._bodies: list[bytes] = []
        self._offset = 0

    def add(self, name: str, kind: int, rows: int, columns: int, *, gain: float = 1.5) -> None:
        """A matrix that multiplies the size of what it is applied to by `gain`."""
        drawn = self._rng.standard_normal((rows, columns)) * gain / np.sqrt(columns)
        self._append(name, kind, (columns, rows), drawn.astype(np.float32))

    def ones(self, name: str) -> None:
        """The weight of a norm."""
        self._append(name, _F32, (_WIDTH,), np.ones(_WIDTH, np.float32))

    def _append(self, name: str, kind: int, shape: tuple[int, ...], values: Weights) -> None:
        body = _packed(kind, values)
        head = _text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape)
        self._heads.append(head + struct.pack("<IQ", kind, self._offset))
        self._bodies.append(body + bytes(-len(body) % _ALIGNMENT))
        self._offset += len(self._bodies[-1])

    def file(self, keys: dict[str, str | int | float]) -> bytes:
        """The whole GGUF, version 3."""
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self._heads), len(keys))
        head += b"".join(_text(key) + _value(value) for key, value in keys.items())
        head += b"".join(self._heads)
        return head + bytes(-len(head) % _ALIGNMENT) + b"".join(self._bodies)


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: str | int | float) -> bytes:
    match value:
        case str():
            return struct.pack("<I", _STRING) + _text(value)
        case int():
            return struct.pack("<II", _UINT32, value)
        case float():
            return struct.pack("<If", _FLOAT32, value)


def _packed(kind: int, values: Weights) -> bytes:
    if kind == _F32:
        return values.astype("<f4").tobytes()
    if kind == _F16:
        return values.astype("<f2").tobytes()
    blocks = values.reshape(-1, _BLOCK)
    return _as_q8_0(blocks) if kind == _Q8_0 else _as_q4_0(blocks)


def _as_q8_0(blocks: Weights) -> bytes:
    """ggml's Q8_0: a scale and 32 bytes."""
    scales = np.abs(blocks).max(axis=1, keepdims=True) / 127
    numbers = np.rint(blocks / np.where(scales == 0, 1, scales)).astype(np.int8)
    return np.hstack([scales.astype("<f2").view(np.uint8), numbers.view(np.uint8)]).tobytes()


def _as_q4_0(blocks: Weights) -> bytes:
    """ggml's Q4_0: a scale and 32 halves of bytes, the second sixteen in the upper halves."""
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scales = extreme / -8
    numbers = blocks / np.where(scales == 0, 1, scales) + 8.5
    nibbles = np.clip(numbers, 0, 15).astype(np.uint8)
    half = _BLOCK // 2
    pairs = nibbles[:, :half] | (nibbles[:, half:] << 4)
    return np.hstack([scales.astype("<f2").view(np.uint8), pairs]).tobytes()
