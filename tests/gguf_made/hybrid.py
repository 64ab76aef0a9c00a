"""A tiny hybrid of convolutions with a state and of attention (LFM2's way)."""

from dataclasses import dataclass
from pathlib import Path

import gguf

from tests.gguf_made.llama import CHATML
from tests.gguf_made.tokenizer import bpe
from tests.gguf_made.writing import Weights, WeightType, add_text_tokenizer, write


@dataclass(frozen=True, kw_only=True)
class HybridOptions:
    """What can be varied. Even layers are convolutions, odd ones attention."""

    vocabulary: int = 640
    layers: int = 2
    embedding: int = 64
    heads: int = 4
    feed_forward: int = 128
    state: int = 3
    context: int = 4096
    weights: WeightType = "F32"
    template: str | None = CHATML
    seed: int = 1
    name: str = "Tiny Hybrid"


def make_hybrid(path: Path, options: HybridOptions | None = None) -> Path:
    """Writes the model; its path."""
    options = options or HybridOptions()
    tokenizer = bpe(options.vocabulary)
    writer = gguf.GGUFWriter(path, "lfm2")
    writer.add_name(options.name)
    writer.add_context_length(options.context)
    writer.add_embedding_length(options.embedding)
    writer.add_block_count(options.layers)
    writer.add_feed_forward_length(options.feed_forward)
    writer.add_head_count(options.heads)
    writer.add_head_count_kv([options.heads * (layer % 2) for layer in range(options.layers)])
    writer.add_shortconv_l_cache(options.state)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(options.vocabulary)
    add_text_tokenizer(writer, tokenizer, add_bos=False)
    if options.template is not None:
        writer.add_chat_template(options.template)
    _add_weights(writer, options)
    return write(writer, path)


def _add_weights(writer: gguf.GGUFWriter, options: HybridOptions) -> None:
    width = options.embedding
    weights = Weights(writer, options.weights, options.seed)
    weights.add("token_embd.weight", weights.normal(options.vocabulary, width, 1.0))
    for layer in range(options.layers):
        block = f"blk.{layer}"
        weights.ones(f"{block}.attn_norm.weight", width)
        weights.ones(f"{block}.ffn_norm.weight", width)
        weights.matrix(f"{block}.ffn_gate.weight", options.feed_forward, width)
        weights.matrix(f"{block}.ffn_up.weight", options.feed_forward, width)
        weights.matrix(f"{block}.ffn_down.weight", width, options.feed_forward)
        if layer % 2:
            weights.ones(f"{block}.attn_q_norm.weight", width // options.heads)
            weights.ones(f"{block}.attn_k_norm.weight", width // options.heads)
            for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
                weights.matrix(f"{block}.{part}.weight", width, width, gain=2.0)
        else:
            kernel = weights.normal(width, options.state, 0.5)
            weights.exact(f"{block}.shortconv.conv.weight", kernel)
            weights.matrix(f"{block}.shortconv.in_proj.weight", 3 * width, width)
            weights.matrix(f"{block}.shortconv.out_proj.weight", width, width, gain=2.0)
    weights.ones("token_embd_norm.weight", width)
    weights.matrix("output.weight", options.vocabulary, width, gain=6.0)
