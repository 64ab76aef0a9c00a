"""A tiny Mamba: a recurrent model, whose memory cannot forget part of a sequence."""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from tests.gguf_made.llama import CHATML
from tests.gguf_made.tokenizer import bpe
from tests.gguf_made.writing import Weights, WeightType, add_text_tokenizer, write


@dataclass(frozen=True, kw_only=True)
class MambaOptions:
    """What can be varied."""

    vocabulary: int = 640
    layers: int = 2
    embedding: int = 64
    state: int = 16
    time_rank: int = 4
    convolution: int = 4
    context: int = 4096
    weights: WeightType = "F32"
    template: str | None = CHATML
    spread: float = 6.0
    seed: int = 1
    name: str = "Tiny Mamba"


def make_mamba(path: Path, options: MambaOptions | None = None) -> Path:
    """Writes the model; its path."""
    options = options or MambaOptions()
    tokenizer = bpe(options.vocabulary)
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_name(options.name)
    writer.add_context_length(options.context)
    writer.add_embedding_length(options.embedding)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(options.layers)
    writer.add_ssm_conv_kernel(options.convolution)
    writer.add_ssm_inner_size(2 * options.embedding)
    writer.add_ssm_state_size(options.state)
    writer.add_ssm_time_step_rank(options.time_rank)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(options.vocabulary)
    add_text_tokenizer(writer, tokenizer, add_bos=False)
    if options.template is not None:
        writer.add_chat_template(options.template)
    _add_weights(writer, options, [*tokenizer.specials, *tokenizer.broken])
    return write(writer, path)


def _add_weights(writer: gguf.GGUFWriter, options: MambaOptions, silent: list[int]) -> None:
    width, inner, state = options.embedding, 2 * options.embedding, options.state
    weights = Weights(writer, options.weights, options.seed)
    weights.add("token_embd.weight", weights.normal(options.vocabulary, width, 1.0))
    for layer in range(options.layers):
        block = f"blk.{layer}"
        weights.ones(f"{block}.attn_norm.weight", width)
        weights.matrix(f"{block}.ssm_in.weight", 2 * inner, width)
        weights.exact(f"{block}.ssm_conv1d.weight", weights.normal(inner, options.convolution, 0.5))
        weights.zeros(f"{block}.ssm_conv1d.bias", inner)
        weights.matrix(f"{block}.ssm_x.weight", options.time_rank + 2 * state, inner)
        weights.matrix(f"{block}.ssm_dt.weight", inner, options.time_rank)
        weights.zeros(f"{block}.ssm_dt.bias", inner)
        # Decay rates from slow to fast, as the paper begins: A = -1, -2, ..., -state.
        rates = -np.arange(1, state + 1, dtype=np.float32)
        weights.exact(f"{block}.ssm_a", np.tile(rates, (inner, 1)))
        weights.ones(f"{block}.ssm_d", inner)
        weights.matrix(f"{block}.ssm_out.weight", width, inner, gain=2.0)
    weights.ones("output_norm.weight", width)
    output = weights.normal(options.vocabulary, width, options.spread / np.sqrt(width))
    output[silent] = 0.0
    weights.add("output.weight", output)
