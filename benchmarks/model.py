"""The model that is measured: 0.34 billion random weights in Q8_0, made here, always the same.

Its shape is a small Qwen2.5's (24 layers of 896), its vocabulary the real one of 152k tokens out of
the llama.cpp sources, so that tokenizing, sampling and detokenizing cost what they cost at home;
only the weights mean nothing. Speed does not depend on what weights mean.

Two choices keep greedy decoding from sticking to one token, which would make every cache and
every n-gram guess look brilliant: the output shares the embedding's tensor, as small models do, but
the last norm has random signs, so that a token's own embedding does not vote for the token itself;
and queries and keys are drawn wider than the rest, so that attention looks at something.

Rule: whoever changes a number here changes the shape's name, since files are cached by name.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import gguf
import numpy as np
from numpy.typing import NDArray

from benchmarks.sdist import llama_cpp_sources

SEED: Final = 20260611
CACHE_FOLDER: Final = Path(__file__).resolve().parent.parent / ".cache" / "bench"
VOCABULARY: Final = 151_936
CONTEXT: Final = 32_768
END_OF_TURN: Final = "<|im_end|>"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a llama; heads are 64 wide."""

    name: str
    layers: int
    width: int
    heads: int
    heads_key_value: int
    feed_forward: int
    is_exact: bool = False
    """Weights in F32 instead of Q8_0, so that sums differ by little whatever their order."""

    @property
    def head_width(self) -> int:
        """Of queries, keys and values alike."""
        return self.width // self.heads

    @property
    def narrow(self) -> int:
        """Width of all keys, or values, of a layer together."""
        return self.head_width * self.heads_key_value

    @property
    def weights(self) -> int:
        """Weights in matrices."""
        attention = 2 * self.width * self.width + 2 * self.width * self.narrow
        layer = attention + 3 * self.width * self.feed_forward
        return self.layers * layer + VOCABULARY * self.width

    @property
    def read_bytes(self) -> int:
        """What one decode call reads of them in Q8_0: all, since the output is the embedding."""
        return self.weights * (2 + _BLOCK) // _BLOCK

    @property
    def cell_bytes(self) -> int:
        """What one token of context takes in the cache, with f16 keys and values."""
        return 2 * 2 * self.layers * self.narrow


BENCH: Final = Shape(
    name="athanor-bench-0.34b-q8_0-v2",
    layers=24,
    width=896,
    heads=14,
    heads_key_value=2,
    feed_forward=2432,
)
"""What speed is measured on."""

EXACT: Final = Shape(
    name="athanor-bench-small-f32-v1",
    layers=4,
    width=128,
    heads=2,
    heads_key_value=1,
    feed_forward=384,
    is_exact=True,
)
"""What answers are compared on; the vocabulary is the same."""

_BLOCK: Final = 32
"""Weights in a block of Q8_0, which is one f16 scale and this many int8."""
_SPREAD: Final = 73.3
"""Standard deviation of the integers -127..127 drawn evenly."""
_LOGIT_SPREAD: Final = 3.0
"""Standard deviation of logits, near what trained models have."""
_ATTENTION_SPREAD: Final = 1.5


def ensure_model(shape: Shape = BENCH, folder: Path = CACHE_FOLDER) -> Path:
    """The file, made at the first call in a few seconds."""
    path = folder / f"{shape.name}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        _write(shape, unfinished)
        unfinished.replace(path)
    return path


def _write(shape: Shape, path: Path) -> None:
    models = llama_cpp_sources() / "models"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(shape.name)
    kind = gguf.LlamaFileType.ALL_F32 if shape.is_exact else gguf.LlamaFileType.MOSTLY_Q8_0
    writer.add_file_type(kind)
    writer.add_block_count(shape.layers)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads_key_value)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    _add_vocabulary(writer, models / "ggml-vocab-qwen2.gguf")
    template = models / "templates" / "Qwen-Qwen2.5-7B-Instruct.jinja"
    writer.add_chat_template(template.read_text(encoding="utf-8"))
    add_weights(writer, shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, source: Path) -> None:
    fields = gguf.GGUFReader(source).fields
    tokens: Sequence[str] = fields["tokenizer.ggml.tokens"].contents()
    assert len(tokens) == VOCABULARY, "another vocabulary makes other figures"
    writer.add_tokenizer_model(fields["tokenizer.ggml.model"].contents())
    writer.add_tokenizer_pre(fields["tokenizer.ggml.pre"].contents())
    writer.add_token_list(tokens)
    writer.add_token_types(fields["tokenizer.ggml.token_type"].contents())
    writer.add_token_merges(fields["tokenizer.ggml.merges"].contents())
    writer.add_bos_token_id(fields["tokenizer.ggml.bos_token_id"].contents())
    writer.add_eos_token_id(tokens.index(END_OF_TURN))
    writer.add_add_bos_token(False)


def add_weights(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """All tensors of the shape, drawn from `SEED`."""
    chance = np.random.default_rng(SEED)

    def matrix(name: str, rows: int, columns: int, *, spread: float) -> None:
        weights = chance.integers(-127, 128, (rows, columns), dtype=np.int8)
        if shape.is_exact:
            writer.add_tensor(name, weights * np.float32(spread / _SPREAD))
        else:
            blocks = _blocks(weights, np.float16(spread / _SPREAD))
            writer.add_tensor(name, blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    def norm(name: str, weights: NDArray[np.float32]) -> None:
        writer.add_tensor(name, weights)

    width, wide = shape.width, shape.feed_forward
    ones = np.ones(width, dtype=np.float32)
    signs = chance.choice(np.array([-1.0, 1.0], dtype=np.float32), width)
    unit = width**-0.5
    matrix("token_embd.weight", VOCABULARY, width, spread=_LOGIT_SPREAD * unit)
    norm("output_norm.weight", signs)
    for layer in range(shape.layers):
        name = f"blk.{layer}."
        norm(name + "attn_norm.weight", ones)
        matrix(name + "attn_q.weight", width, width, spread=_ATTENTION_SPREAD * unit)
        matrix(name + "attn_k.weight", shape.narrow, width, spread=_ATTENTION_SPREAD * unit)
        matrix(name + "attn_v.weight", shape.narrow, width, spread=unit)
        matrix(name + "attn_output.weight", width, width, spread=unit)
        norm(name + "ffn_norm.weight", ones)
        matrix(name + "ffn_gate.weight", wide, width, spread=unit)
        matrix(name + "ffn_up.weight", wide, width, spread=unit)
        matrix(name + "ffn_down.weight", width, wide, spread=wide**-0.5)


def _blocks(weights: NDArray[np.int8], scale: np.float16) -> NDArray[np.uint8]:
    """The bytes of Q8_0, each block of the same scale; shape (rows, bytes of a row)."""
    rows, columns = weights.shape
    blocks = np.empty((rows, columns // _BLOCK, 2 + _BLOCK), dtype=np.uint8)
    blocks[:, :, :2] = np.array([scale], dtype="<f2").view(np.uint8)
    blocks[:, :, 2:] = weights.reshape(rows, -1, _BLOCK).view(np.uint8)
    return blocks.reshape(rows, -1)


if __name__ == "__main__":
    print(ensure_model())
