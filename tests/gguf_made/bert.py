"""A tiny BERT: a non-causal embedder with a WordPiece vocabulary and pooling in its keys."""

from dataclasses import dataclass
from pathlib import Path

import gguf
from gguf import PoolingType

from tests.gguf_made.tokenizer import word_pieces
from tests.gguf_made.writing import Weights, WeightType, write


@dataclass(frozen=True, kw_only=True)
class BertOptions:
    """What can be varied."""

    vocabulary: int = 400
    """At most; the corpus may have fewer words."""
    layers: int = 2
    embedding: int = 64
    heads: int = 4
    feed_forward: int = 128
    context: int = 256
    weights: WeightType = "F16"
    pooling: PoolingType = PoolingType.MEAN
    """RANK makes a reranker, with one output."""
    seed: int = 1
    name: str = "Tiny BERT"


def make_bert(path: Path, options: BertOptions | None = None) -> Path:
    """Writes the model; its path."""
    options = options or BertOptions()
    tokenizer = word_pieces(options.vocabulary)
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(options.name)
    writer.add_context_length(options.context)
    writer.add_embedding_length(options.embedding)
    writer.add_block_count(options.layers)
    writer.add_feed_forward_length(options.feed_forward)
    writer.add_head_count(options.heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(options.pooling)
    writer.add_vocab_size(len(tokenizer.tokens))
    writer.add_tokenizer_model(tokenizer.model)
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(tokenizer.types)
    writer.add_token_type_count(2)
    writer.add_bos_token_id(tokenizer.id("[CLS]"))
    writer.add_unk_token_id(tokenizer.id("[UNK]"))
    writer.add_sep_token_id(tokenizer.id("[SEP]"))
    writer.add_pad_token_id(tokenizer.id("[PAD]"))
    writer.add_mask_token_id(tokenizer.id("[MASK]"))
    if options.pooling == PoolingType.RANK:
        writer.add_classifier_output_labels(["relevance"])
    _add_weights(writer, options, len(tokenizer.tokens))
    return write(writer, path)


def _add_weights(writer: gguf.GGUFWriter, options: BertOptions, vocabulary: int) -> None:
    width = options.embedding
    weights = Weights(writer, options.weights, options.seed)
    weights.add("token_embd.weight", weights.normal(vocabulary, width, 1.0))
    weights.exact("token_types.weight", weights.normal(2, width, 0.1))
    weights.exact("position_embd.weight", weights.normal(options.context, width, 0.3))
    weights.ones("token_embd_norm.weight", width)
    weights.zeros("token_embd_norm.bias", width)
    for layer in range(options.layers):
        block = f"blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights.matrix(f"{block}.{part}.weight", width, width, gain=1.5)
            weights.zeros(f"{block}.{part}.bias", width)
        weights.matrix(f"{block}.ffn_up.weight", options.feed_forward, width)
        weights.zeros(f"{block}.ffn_up.bias", options.feed_forward)
        weights.matrix(f"{block}.ffn_down.weight", width, options.feed_forward)
        weights.zeros(f"{block}.ffn_down.bias", width)
        for norm in ("attn_output_norm", "layer_output_norm"):
            weights.ones(f"{block}.{norm}.weight", width)
            weights.zeros(f"{block}.{norm}.bias", width)
    if options.pooling == PoolingType.RANK:
        weights.matrix("cls.output.weight", 1, width)
        weights.zeros("cls.output.bias", 1)
