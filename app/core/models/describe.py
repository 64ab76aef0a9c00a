"""Describe: from the headers of a model's files to its card.

Refused here is what is well-formed and yet no model that can serve: projectors and adapters, files
of a vocabulary alone, and shapes on which llama.cpp would abort rather than report an error.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from app.core.models.card import Layer, ModelCard
from app.core.models.header import LAYERS_MAX, Header, TensorEntry
from app.core.models.layers import WITHOUT_CACHE, Weights, kv_heads, layers_of
from app.core.models.quant import quantisation

EXPERTS_MAX: Final = 1024
"""llama.cpp aborts past it (LLAMA_MAX_EXPERTS)."""

LENGTH_MAX: Final = 2**32
"""Numbers that one layer may keep for a token or a sequence; real ones stay below 2^25."""

VOCABULARY_MAX: Final = 2**24
"""Tokens; the largest vocabularies have 2^18. llama.cpp counts them in 32 bits."""

INFILL_WORDS: Final = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<\uff5cfim▁begin\uff5c>", "<\uff5cfim▁hole\uff5c>", "<\uff5cfim▁end\uff5c>"),
    ("<PRE>", "<SUF>", "<MID>"),
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    ("<|prefix|>", "<|suffix|>", "<|middle|>"),
)
"""Words by which llama.cpp finds the infill tokens where no key names them."""

_INFILL_KEYS: Final = (("fim_pre", "prefix"), ("fim_suf", "suffix"), ("fim_mid", "middle"))
_POOLINGS: Final = {0: "none", 1: "mean", 2: "cls", 3: "last", 4: "rank"}
_GUESSED: Final = 1024
_DIFFUSION: Final = frozenset({"dream", "llada", "llada-moe", "rnd1"})

_OTHER_KINDS: Final = {
    "adapter": "a LoRA adapter, which changes a model and is none itself",
    "mmproj": "a vision or audio projector, which serves beside its model",
    "imatrix": "an importance matrix, made for quantising",
}

NOTHING_WRONG: Final = "Nothing is wrong with it; load the model that it belongs to."
"""The remedy by which files that belong to a model are known from broken ones."""

_BLOCK: Final = re.compile(r"(?P<side>enc\.|dec\.)?blk\.(?P<index>\d{1,6})\.")
_EXPERTS: Final = re.compile(r"ffn_(?:gate|up|down|gate_up)_exps\b")
_INPUTS: Final = ("token_embd", "position_embd", "token_types", "per_layer_token_embd")


def card_of(headers: Sequence[Header]) -> ModelCard:
    """The card of a model whose files, in order, have these headers.

    The first file carries the metadata. Raises: ModelFileInvalid.
    """
    first = headers[0]
    tensors = [tensor for header in headers for tensor in header.tensors]
    _refuse_other_kinds(first, tensors)
    architecture = first.architecture
    count = _layer_count(first)
    heads = first.per_layer(f"{architecture}.attention.head_count", count) or (0,) * count
    layers = layers_of(first, heads, _weights(first, tensors, count))
    _refuse_absurd(first, layers)
    experts, experts_used = _experts(first, count)
    by_type: dict[int, int] = defaultdict(int)
    for tensor in tensors:
        by_type[tensor.type] += tensor.size_bytes
    input_bytes, output_bytes, tied_bytes = _ends(tensors)
    template = _template(first)
    pooling = _pooling(first)
    embedding = _required(first, "embedding_length")
    return ModelCard(
        path=first.path,
        shards=tuple(header.path for header in headers) if len(headers) > 1 else (),
        name=first.remark("general.name"),
        basename=first.remark("general.basename"),
        size_label=first.remark("general.size_label"),
        finetune=first.remark("general.finetune"),
        version=first.remark("general.version"),
        organization=first.remark("general.organization"),
        description=first.remark("general.description"),
        licence=first.remark("general.license"),
        architecture=architecture,
        parameters=sum(tensor.elements for tensor in tensors),
        size_bytes=sum(header.file_bytes for header in headers),
        weight_bytes=sum(by_type.values()),
        quantisation=quantisation(_file_type(first), by_type),
        context_trained=_required(first, "context_length"),
        embedding_length=embedding,
        feed_forward_length=_feed_forward(first, count, experts_used),
        heads=max(heads),
        heads_kv=kv_heads(first, heads),
        window=first.number(f"{architecture}.attention.sliding_window") or 0,
        experts=experts,
        experts_used=experts_used,
        state_width=_state_width(first, layers, embedding),
        vocabulary=_vocabulary(first),
        tokenizer=first.remark("tokenizer.ggml.model"),
        chat_template_sha256=hashlib.sha256(template.encode()).hexdigest() if template else "",
        can_infill=_can_infill(first),
        is_embedding=_is_embedding(architecture, pooling),
        is_causal=_is_causal(first),
        pooling=pooling,
        layers=tuple(layers),
        input_bytes=input_bytes,
        expert_bytes=sum(t.size_bytes for t in tensors if _EXPERTS.search(t.name)),
        output_bytes=output_bytes,
        # Encoders have no output over the vocabulary.
        tied_bytes=0 if architecture in WITHOUT_CACHE else tied_bytes,
    )


def _refuse_other_kinds(header: Header, tensors: Sequence[TensorEntry]) -> None:
    kind = header.text("general.type") or "model"
    architecture = header.architecture
    if kind == "model" and architecture in {"clip", "imatrix"}:
        kind = {"clip": "mmproj"}.get(architecture, architecture)
    if kind in _OTHER_KINDS:
        raise header.refuse(f"this is {_OTHER_KINDS[kind]}", NOTHING_WRONG)
    if architecture == "controlvector":
        reason = "this is a control vector, which changes a model and is none itself"
        raise header.refuse(reason, NOTHING_WRONG)
    if not architecture:
        raise header.refuse("the key 'general.architecture' is missing, so it is no model")
    if not tensors:
        raise header.refuse("it has no weights, only a vocabulary")


def _layer_count(header: Header) -> int:
    count = _required(header, "block_count")
    if not 1 <= count <= LAYERS_MAX:
        raise header.refuse(f"it claims {count} layers; llama.cpp takes 1 to {LAYERS_MAX}")
    extra = header.number(f"{header.architecture}.nextn_predict_layers") or 0
    if extra > count:
        raise header.refuse(f"{extra} of its {count} layers are for prediction")
    return count


def _required(header: Header, key: str) -> int:
    number = header.number(f"{header.architecture}.{key}")
    if not number:
        raise header.refuse(f"the key '{header.architecture}.{key}' is missing or 0")
    return number


def _experts(header: Header, count: int) -> tuple[int, int]:
    """Experts in a layer, and how many of them a token uses at most."""
    architecture = header.architecture
    experts = header.number(f"{architecture}.expert_count") or 0
    used = max(header.per_layer(f"{architecture}.expert_used_count", count) or (0,))
    if experts > EXPERTS_MAX:
        raise header.refuse(f"it claims {experts} experts; llama.cpp takes {EXPERTS_MAX}")
    # A single expert is a dense network under another name.
    if used > experts or (experts > 1 and not used):
        raise header.refuse(f"it claims to use {used} of {experts} experts")
    return experts, used


def _refuse_absurd(header: Header, layers: Sequence[Layer]) -> None:
    for index, layer in enumerate(layers):
        largest = max(layer.key_length, layer.value_length, layer.state_length)
        if largest > LENGTH_MAX:
            raise header.refuse(f"layer {index} claims to keep {largest} numbers")


def _weights(header: Header, tensors: Sequence[TensorEntry], count: int) -> list[Weights]:
    totals, largest = [0] * count, [0] * count
    for tensor in tensors:
        if block := _BLOCK.match(tensor.name):
            index = int(block["index"])
            if block["side"]:
                # Encoder and decoder count their layers apart.
                index = min(index, count - 1)
            if index >= count:
                raise header.refuse(f"tensor {tensor.name!r} is past the last of {count} layers")
            totals[index] += tensor.size_bytes
            largest[index] = max(largest[index], tensor.size_bytes)
    return [Weights(total, most) for total, most in zip(totals, largest, strict=True)]


def _ends(tensors: Sequence[TensorEntry]) -> tuple[int, int, int]:
    """Bytes before the first layer, after the last, and of embeddings that serve as output too."""
    inputs = outputs = tied = 0
    has_output = False
    for tensor in tensors:
        if _BLOCK.match(tensor.name):
            continue
        if tensor.name.startswith(_INPUTS):
            inputs += tensor.size_bytes
            tied += tensor.size_bytes if tensor.name == "token_embd.weight" else 0
        else:
            outputs += tensor.size_bytes
            has_output = has_output or tensor.name.startswith(("output.", "cls."))
    return inputs, outputs, 0 if has_output else tied


def _file_type(header: Header) -> int | None:
    """The recipe's number, without the bit that says it was guessed."""
    number = header.number("general.file_type")
    return None if number is None else number & ~_GUESSED


def _feed_forward(header: Header, count: int, experts_used: int) -> int:
    architecture = header.architecture
    dense = header.per_layer(f"{architecture}.feed_forward_length", count) or (0,)
    expert = header.per_layer(f"{architecture}.expert_feed_forward_length", count) or (0,)
    shared = header.number(f"{architecture}.expert_shared_feed_forward_length") or 0
    # Old mixtures have one width, which is then each expert's.
    width = max(expert) or (max(dense) if experts_used else 0)
    return max(*dense, width * experts_used + shared)


def _state_width(header: Header, layers: Sequence[Layer], embedding: int) -> int:
    if not any(layer.state_length for layer in layers):
        return 0
    return header.number(f"{header.architecture}.ssm.inner_size") or embedding


def _vocabulary(header: Header) -> int:
    count = header.count("tokenizer.ggml.tokens")
    if count is None:
        count = header.number(f"{header.architecture}.vocab_size")
    if not count or count > VOCABULARY_MAX:
        raise header.refuse(f"its vocabulary has {count or 0} tokens")
    return count


def _template(header: Header) -> str:
    value = header.metadata.get("tokenizer.chat_template")
    if value is not None and not isinstance(value, str):
        raise header.refuse("its chat template is not a text, or is too long")
    return value or ""


def _pooling(header: Header) -> str:
    number = header.number(f"{header.architecture}.pooling_type")
    return "" if number is None else _POOLINGS.get(number, "")


def _is_embedding(architecture: str, pooling: str) -> bool:
    if pooling in {"mean", "cls", "last", "rank"}:
        return True
    is_encoder = architecture in WITHOUT_CACHE or architecture == "t5encoder"
    return is_encoder and architecture not in _DIFFUSION


def _is_causal(header: Header) -> bool:
    said = header.claim(f"{header.architecture}.attention.causal")
    return header.architecture not in WITHOUT_CACHE if said is None else said


def _can_infill(header: Header) -> bool:
    named = all(
        any(f"tokenizer.ggml.{word}_token_id" in header.metadata for word in pair)
        for pair in _INFILL_KEYS
    )
    return named or any(header.marked_words.issuperset(words) for words in INFILL_WORDS)
