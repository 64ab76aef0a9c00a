"""A tiny model whose layers in turn see a sliding window and everything (Cohere 2's way)."""

from dataclasses import dataclass
from pathlib import Path

import gguf

from tests.gguf_made.llama import CHATML
from tests.gguf_made.tokenizer import bpe
from tests.gguf_made.writing import Weights, WeightType, add_text_tokenizer, write


@dataclass(frozen=True, kw_only=True)
class WindowedOptions:
    """What can be varied."""

    vocabulary: int = 640
    layers: int = 2
    window: int = 32
    """Tokens that a windowed layer sees back."""
    embedding: int = 64
    heads: int = 4
    feed_forward: int = 128
    context: int = 4096
    weights: WeightType = "F32"
    template: str | None = CHATML
    seed: int = 1
    name: str = "Tiny Windowed"


def make_windowed(path: Path, options: WindowedOptions | None = None) -> Path:
    """Writes the model; its path."""
    options = options or WindowedOptions()
    tokenizer = bpe(options.vocabulary)
    writer = gguf.GGUFWriter(path, "cohere2")
    writer.add_name(options.name)
    writer.add_context_length(options.context)
    writer.add_embedding_length(options.embedding)
    writer.add_block_count(options.layers)
    writer.add_feed_forward_length(options.feed_forward)
    writer.add_head_count(options.heads)
    writer.add_head_count_kv(options.heads)
    writer.add_layer_norm_eps(1e-5)
    writer.add_rope_dimension_count(options.embedding // options.heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_sliding_window(options.window)
    writer.add_sliding_window_pattern(2)
    writer.add_logit_scale(0.5)
    writer.add_vocab_size(options.vocabulary)
    add_text_tokenizer(writer, tokenizer, add_bos=False)
    if options.template is not None:
        writer.add_chat_template(options.template)
    _add_weights(writer, options)
    return write(writer, path)


def _add_weights(writer: gguf.GGUFWriter, options: WindowedOptions) -> None:
    width = options.embedding
    weights = Weights(writer, options.weights, options.seed)
    weights.add("token_embd.weight", weights.normal(options.vocabulary, width, 1.0))
    for layer in range(options.layers):
        block = f"blk.{layer}"
        weights.ones(f"{block}.attn_norm.weight", width)
        for part in ("attn_q", "attn_k", "attn_v"):
            weights.matrix(f"{block}.{part}.weight", width, width, gain=1.5)
        # Much of what a token becomes is what it sees, so that a missing window shows in logits.
        weights.matrix(f"{block}.attn_output.weight", width, width, gain=4.0)
        weights.matrix(f"{block}.ffn_gate.weight", options.feed_forward, width)
        weights.matrix(f"{block}.ffn_up.weight", options.feed_forward, width)
        weights.matrix(f"{block}.ffn_down.weight", width, options.feed_forward)
    weights.ones("output_norm.weight", width)
