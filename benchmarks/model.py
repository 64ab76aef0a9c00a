"""The model that is measured: 0.34 billion random weights in Q8_0, made here, the same every time.

Its shape is a small Qwen2.5's (24 layers of 896), its vocabulary the real one of 152k tokens out of
the llama.cpp sources, so that tokenizing, sampling and detokenizing cost what they cost at home;
only the weights mean nothing. Speed does not depend on what weights mean.

Two choices keep greedy decoding from sticking to one token, which would make every cache and
every n-gram guess look brilliant: the output shares the embedding's tensor, as small models do, but
the last norm has random signs, so that a token's own embedding does not vote for the token itself;
and queries and keys are drawn wider than the rest, so that attention looks at something.

Rule: whoever changes a number here changes `MODEL_NAME`, since files are cached by name.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from numpy.typing import NDArray

from benchmarks.sdist import llama_cpp_sources

MODEL_NAME: Final = "athanor-bench-0.34b-q8_0-v1"
SEED: Final = 20260611
CACHE_FOLDER: Final = Path(__file__).resolve().parent.parent / ".cache" / "bench"

LAYERS: Final = 24
WIDTH: Final = 896
HEADS: Final = 14
HEADS_KEY_VALUE: Final = 2
HEAD_WIDTH: Final = WIDTH // HEADS
FEED_FORWARD: Final = 2432
CONTEXT: Final = 32768
END_OF_TURN: Final = "<|im_end|>"

_BLOCK: Final = 32
"""Weights in a block of Q8_0, which is one f16 scale and this many int8."""
_SPREAD: Final = 73.3
"""Standard deviation of the integers -127..127 drawn evenly."""
_EMBEDDING_SPREAD: Final = 0.1
"""Gives logits a spread of 3, near what trained models have."""
_ATTENTION_SPREAD: Final = 1.5


def ensure_model(folder: Path = CACHE_FOLDER) -> Path:
    """The file, made at the first call in a few seconds; 359 MB."""
    path = folder / f"{MODEL_NAME}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        _write(unfinished)
        unfinished.replace(path)
    return path


def weights_read_bytes() -> int:
    """Bytes of weights that one decode call reads: all of them, since the output is tied."""
    per_layer = WIDTH * WIDTH * 2 + WIDTH * HEAD_WIDTH * HEADS_KEY_VALUE * 2
    per_layer += 3 * WIDTH * FEED_FORWARD
    vocabulary = 151_936
    return (per_layer * LAYERS + vocabulary * WIDTH) * (2 + _BLOCK) // _BLOCK


def key_value_bytes_per_token() -> int:
    """Bytes of cache that one token of context takes, with f16 keys and values."""
    return 2 * 2 * LAYERS * HEADS_KEY_VALUE * HEAD_WIDTH


def _write(path: Path) -> None:
    models = llama_cpp_sources() / "models"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(MODEL_NAME)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS_KEY_VALUE)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    size = _add_vocabulary(writer, models / "ggml-vocab-qwen2.gguf")
    template = models / "templates" / "Qwen-Qwen2.5-7B-Instruct.jinja"
    writer.add_chat_template(template.read_text(encoding="utf-8"))
    _add_weights(writer, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, source: Path) -> int:
    """Copies the vocabulary and answers its size."""
    fields = gguf.GGUFReader(source).fields
    tokens: Sequence[str] = fields["tokenizer.ggml.tokens"].contents()
    writer.add_tokenizer_model(fields["tokenizer.ggml.model"].contents())
    writer.add_tokenizer_pre(fields["tokenizer.ggml.pre"].contents())
    writer.add_token_list(tokens)
    writer.add_token_types(fields["tokenizer.ggml.token_type"].contents())
    writer.add_token_merges(fields["tokenizer.ggml.merges"].contents())
    writer.add_bos_token_id(fields["tokenizer.ggml.bos_token_id"].contents())
    writer.add_eos_token_id(tokens.index(END_OF_TURN))
    writer.add_add_bos_token(False)
    return len(tokens)


def _add_weights(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    chance = np.random.default_rng(SEED)

    def matrix(name: str, rows: int, columns: int, *, spread: float) -> None:
        blocks = np.empty((rows, columns // _BLOCK, 2 + _BLOCK), dtype=np.uint8)
        scale = np.array([spread / _SPREAD], dtype="<f2")
        blocks[:, :, :2] = scale.view(np.uint8)
        weights = chance.integers(-127, 128, (rows, columns // _BLOCK, _BLOCK), dtype=np.int8)
        blocks[:, :, 2:] = weights.view(np.uint8)
        raw = blocks.reshape(rows, -1)
        writer.add_tensor(name, raw, raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    def norm(name: str, weights: NDArray[np.float32]) -> None:
        writer.add_tensor(name, weights)

    ones = np.ones(WIDTH, dtype=np.float32)
    signs = chance.choice(np.array([-1.0, 1.0], dtype=np.float32), WIDTH)
    unit = WIDTH**-0.5
    matrix("token_embd.weight", vocabulary, WIDTH, spread=_EMBEDDING_SPREAD)
    norm("output_norm.weight", signs)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        narrow = HEADS_KEY_VALUE * HEAD_WIDTH
        norm(name + "attn_norm.weight", ones)
        matrix(name + "attn_q.weight", WIDTH, WIDTH, spread=_ATTENTION_SPREAD * unit)
        matrix(name + "attn_k.weight", narrow, WIDTH, spread=_ATTENTION_SPREAD * unit)
        matrix(name + "attn_v.weight", narrow, WIDTH, spread=unit)
        matrix(name + "attn_output.weight", WIDTH, WIDTH, spread=unit)
        norm(name + "ffn_norm.weight", ones)
        matrix(name + "ffn_gate.weight", FEED_FORWARD, WIDTH, spread=unit)
        matrix(name + "ffn_up.weight", FEED_FORWARD, WIDTH, spread=unit)
        matrix(name + "ffn_down.weight", WIDTH, FEED_FORWARD, spread=FEED_FORWARD**-0.5)


if __name__ == "__main__":
    print(ensure_model())
