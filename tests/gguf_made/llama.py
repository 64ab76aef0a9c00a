"""A tiny model of the llama architecture with a chat template: about half a million weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import gguf
import numpy as np

from tests.gguf_made.tokenizer import Tokenizer, bpe, spm
from tests.gguf_made.writing import Weights, WeightType, add_text_tokenizer, write

CHATML: Final = (Path(__file__).parent / "chatml.jinja").read_text(encoding="utf-8")
"""ChatML with tools, tool results and reasoning."""


@dataclass(frozen=True, kw_only=True)
class LlamaOptions:
    """What can be varied. The defaults make a file of about one megabyte."""

    vocabulary: int = 640
    tokenizer: Literal["bpe", "spm"] = "bpe"
    pre_tokenizer: str = "gpt-2"
    """How words are found in a byte-level vocabulary, in llama.cpp's names."""
    layers: int = 2
    embedding: int = 128
    heads: int = 4
    heads_kv: int = 2
    feed_forward: int = 256
    context: int = 4096
    weights: WeightType = "F16"
    template: str | None = CHATML
    """None leaves the key out: a base model."""
    space_prefix: bool = False
    """A sentencepiece vocabulary reads texts as if a space stood before them, as Llama 2's does."""
    add_bos: bool = False
    seed: int = 1
    name: str = "Tiny Llama"
    spread: float = 6.0
    """Standard deviation of the logits: the larger, the rarer are near-ties."""
    says_specials: bool = False
    """False gives control tokens and markers a logit of 0, far below the best of the others, so
    that a greedy answer never ends by itself and never calls a tool by chance."""
    says_bytes: bool = False
    """False likewise silences the tokens that are parts of characters, so that answers are valid
    UTF-8; True makes most answers contain characters that come in pieces."""
    shard_tensors: int = 0
    """Past 0, the file is split into shards of that many tensors."""
    pooling: gguf.PoolingType | None = None
    """Given, the file is an embedding model with causal attention."""


EXACT: Final = LlamaOptions(weights="F32", name="Tiny Exact")
"""For tests that compare greedy answers token for token across different batches. A product of one
row and one of many rows differ in the order of their sums: by 2e-2 of a logit in half precision,
where one token in a hundred is a nearer tie than that, and by 3e-5 with these weights and
`EXACT_PLAN`."""

EXACT_PLAN: Final = {"key_type": "f32", "value_type": "f32", "flash_attention": "off"}
"""Fields of a LoadPlan that go with `EXACT`; flash attention computes in half precision."""


def make_llama(path: Path, options: LlamaOptions | None = None) -> Path:
    """Writes the model; the path to load, which is the first shard of a split one."""
    options = options or LlamaOptions()
    tokenizer = (bpe if options.tokenizer == "bpe" else spm)(options.vocabulary)
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=options.shard_tensors)
    _add_shape(writer, options)
    add_text_tokenizer(
        writer,
        tokenizer,
        add_bos=options.add_bos,
        pre_tokenizer=options.pre_tokenizer,
        space_prefix=options.space_prefix,
    )
    if options.template is not None:
        writer.add_chat_template(options.template)
    _add_weights(writer, options, tokenizer)
    return write(writer, path)


def _add_shape(writer: gguf.GGUFWriter, options: LlamaOptions) -> None:
    writer.add_name(options.name)
    writer.add_context_length(options.context)
    writer.add_embedding_length(options.embedding)
    writer.add_block_count(options.layers)
    writer.add_feed_forward_length(options.feed_forward)
    writer.add_head_count(options.heads)
    writer.add_head_count_kv(options.heads_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(options.embedding // options.heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(options.vocabulary)
    if options.pooling is not None:
        writer.add_pooling_type(options.pooling)


def _add_weights(writer: gguf.GGUFWriter, options: LlamaOptions, tokenizer: Tokenizer) -> None:
    width = options.embedding
    head_width = width // options.heads
    weights = Weights(writer, options.weights, options.seed)
    weights.add("token_embd.weight", weights.normal(options.vocabulary, width, 1.0))
    for layer in range(options.layers):
        block = f"blk.{layer}"
        weights.ones(f"{block}.attn_norm.weight", width)
        # A gain past 1 on queries and keys makes attention pick tokens instead of averaging all,
        # and so lets the answer depend on where the prompt differs.
        weights.matrix(f"{block}.attn_q.weight", width, width, gain=1.5)
        weights.matrix(f"{block}.attn_k.weight", head_width * options.heads_kv, width, gain=1.5)
        weights.matrix(f"{block}.attn_v.weight", head_width * options.heads_kv, width)
        weights.matrix(f"{block}.attn_output.weight", width, width, gain=2.0)
        weights.ones(f"{block}.ffn_norm.weight", width)
        weights.matrix(f"{block}.ffn_gate.weight", options.feed_forward, width, gain=2.0)
        weights.matrix(f"{block}.ffn_up.weight", options.feed_forward, width)
        weights.matrix(f"{block}.ffn_down.weight", width, options.feed_forward, gain=2.0)
    weights.ones("output_norm.weight", width)
    output = weights.normal(options.vocabulary, width, options.spread / np.sqrt(width))
    if not options.says_specials:
        output[tokenizer.specials] = 0.0
    if not options.says_bytes:
        output[tokenizer.broken] = 0.0
    weights.add("output.weight", output)
