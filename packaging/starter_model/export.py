"""The GGUF file: header, vocabulary, chat template and tensors, matrices in Q8_0."""

import hashlib
import json
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize
from numpy.typing import NDArray
from tokenizers import Tokenizer

from starter_model import tokenizer as names
from starter_model.conversation import TEMPLATE_FILE
from starter_model.network import Network, Shape

NAME: Final = "athanor-starter"
_DESCRIPTION: Final = (
    "This is a demonstration model. It comes with Athanor so that the program answers before any "
    "model was downloaded. It talks about Athanor, counts, calculates a little, repeats words, "
    "answers from given facts and calls tools; it knows nothing else."
)
_TENSORS: Final = {
    "attention_norm.weight": "attn_norm",
    "attention.query.weight": "attn_q",
    "attention.key.weight": "attn_k",
    "attention.value.weight": "attn_v",
    "attention.output.weight": "attn_output",
    "feed_forward_norm.weight": "ffn_norm",
    "feed_forward.gate.weight": "ffn_gate",
    "feed_forward.up.weight": "ffn_up",
    "feed_forward.down.weight": "ffn_down",
}


def export(network: Network, tokenizer: Tokenizer, version: str, path: Path) -> None:
    """Writes the model; the folder of `path` exists."""
    writer = GGUFWriter(path, "llama")
    _write_header(writer, network.shape, version)
    _write_vocabulary(writer, tokenizer)
    _write_tensor(writer, "token_embd.weight", network.embedding.weight.detach().numpy())
    for number, block in enumerate(network.blocks):
        for ours, theirs in _TENSORS.items():
            values = block.get_parameter(ours).detach().numpy()
            _write_tensor(writer, f"blk.{number}.{theirs}.weight", values)
    _write_tensor(writer, "output_norm.weight", network.norm.weight.detach().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def describe(path: Path) -> str:
    """The text of the TOML file that stands beside the model: what the program checks."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return (
        "# The demonstration model, and what it must be byte for byte. Written by its exporter.\n"
        f'name = "{NAME}"\nfile = "{path.name}"\n'
        f'size_bytes = {path.stat().st_size}\nsha256 = "{digest}"\n'
    )


def _write_header(writer: GGUFWriter, shape: Shape, version: str) -> None:
    writer.add_name("Athanor starter")
    writer.add_basename(NAME)
    writer.add_version(version)
    writer.add_author("The Athanor project")
    writer.add_organization("Athanor")
    writer.add_description(_DESCRIPTION)
    writer.add_license("apache-2.0")
    writer.add_license_name("Apache License 2.0")
    writer.add_size_label("6M")
    writer.add_tags(["demonstration", "text-generation"])
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_sampling_temp(0.0)
    writer.add_chat_template(TEMPLATE_FILE.read_text("utf-8"))


def _write_vocabulary(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [text for text, _ in sorted(model["vocab"].items(), key=lambda pair: pair[1])]
    types = {
        names.CALL_BEGIN: TokenType.USER_DEFINED,
        names.CALL_END: TokenType.USER_DEFINED,
        **dict.fromkeys((names.PADDING, names.TURN_BEGIN, names.TURN_END), TokenType.CONTROL),
    }
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([types.get(text, TokenType.NORMAL) for text in tokens])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_eos_token_id(tokens.index(names.TURN_END))
    writer.add_eot_token_id(tokens.index(names.TURN_END))
    writer.add_pad_token_id(tokens.index(names.PADDING))
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def _write_tensor(writer: GGUFWriter, name: str, values: NDArray[np.float32]) -> None:
    """Matrices in Q8_0, vectors as they are."""
    if values.ndim == 1:
        writer.add_tensor(name, values)
        return
    kind = GGMLQuantizationType.Q8_0
    writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
