"""Laws of the header reader: what is read, and what is refused with which reason."""

import os
import struct
from pathlib import Path

import gguf
import pytest

from app.core.base.errors import ModelFileInvalid
from app.server.models import cursor
from app.server.models.gguf import read_file, read_header
from tests.gguf_made import BertOptions, GgufStore, LlamaOptions
from tests.server.models.assemble import (
    ARRAY,
    BOOL,
    FLOAT32,
    INT32,
    STRING,
    UINT16,
    UINT32,
    UINT64,
    Gguf,
    Tensor,
    array,
    scalar,
    string,
)


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileInvalid) as raised:
        read_header(path)
    assert raised.value.remedy
    return raised.value.message.removeprefix(f"{path}: ")


def with_key(key: bytes) -> Gguf:
    file = Gguf()
    file.keys.append(key)
    return file


def with_tensor(tensor: Tensor) -> Gguf:
    file = Gguf()
    file.tensors.append(tensor)
    return file


def without(file: Gguf, key: str) -> Gguf:
    file.keys = [pair for pair in file.keys if not pair.startswith(string(key))]
    return file


# --- what is read ----------------------------------------------------------------------------


def test_a_llama_is_described_as_it_was_made(gguf_store: GgufStore) -> None:
    path = gguf_store.llama(LlamaOptions(layers=3, heads=4, heads_kv=2, vocabulary=700))

    card = read_header(path)

    assert (card.path, card.shards) == (str(path), ())
    assert (card.name, card.architecture, card.quantisation) == ("Tiny Llama", "llama", "F16")
    assert (card.context_trained, card.embedding_length, card.vocabulary) == (4096, 128, 700)
    assert len(card.layers) == 3
    assert card.heads_kv == (2, 2, 2)
    assert card.kv_bytes_per_token() == 3 * 2 * (2 * 32) * 2
    assert card.size_bytes == path.stat().st_size
    assert card.has_chat_template
    assert card.can_infill
    assert not card.is_embedding
    assert not card.has_state


def test_weights_are_counted_as_the_gguf_package_counts_them(gguf_store: GgufStore) -> None:
    path = gguf_store.llama(LlamaOptions(weights="Q8_0"))
    tensors = gguf.GGUFReader(path).tensors

    card = read_header(path)

    assert card.weight_bytes == sum(int(tensor.n_bytes) for tensor in tensors)
    assert card.parameters == sum(int(tensor.n_elements) for tensor in tensors)
    layers = sum(layer.weight_bytes for layer in card.layers)
    assert card.input_bytes + layers + card.output_bytes == card.weight_bytes
    assert card.quantisation == "Q8_0"


def test_a_bert_is_an_embedder_without_a_cache(gguf_store: GgufStore) -> None:
    card = read_header(gguf_store.bert(BertOptions(pooling=gguf.PoolingType.CLS)))

    assert card.is_embedding
    assert not card.is_causal
    assert card.pooling == "cls"
    assert card.kv_bytes_per_token() == 0


def test_a_mamba_keeps_a_state_and_no_cache(mamba_gguf: Path) -> None:
    card = read_header(mamba_gguf)

    assert card.is_recurrent
    assert card.kv_bytes_per_token() == 0
    # A state of 16 for each of 128 inner numbers, and a convolution over 4 tokens, in F32.
    assert card.state_bytes == 2 * 4 * (16 * 128 + 3 * 128)


def test_a_base_model_has_no_template(gguf_store: GgufStore) -> None:
    card = read_header(gguf_store.llama(LlamaOptions(template=None)))

    assert not card.has_chat_template


def test_a_split_model_is_one_card_from_any_of_its_parts(gguf_store: GgufStore) -> None:
    whole = read_header(gguf_store.llama(LlamaOptions(seed=9)))
    first = gguf_store.llama(LlamaOptions(seed=9, shard_tensors=8))
    parts = sorted(first.parent.glob(first.name.replace("00001-of", "*-of")))

    cards = [read_header(part) for part in parts]

    assert len(parts) > 1
    assert all(card == cards[0] for card in cards)
    assert cards[0].path == str(first)
    assert cards[0].shards == tuple(str(part) for part in parts)
    assert cards[0].layers == whole.layers
    assert cards[0].parameters == whole.parameters


def test_version_2_is_read_as_version_3(tmp_path: Path) -> None:
    three = read_header(Gguf(version=3).write(tmp_path / "model.gguf"))
    two = read_header(Gguf(version=2).write(tmp_path / "model.gguf"))

    assert two == three


def test_data_may_lie_at_a_wider_alignment(tmp_path: Path) -> None:
    file = with_key(scalar("general.alignment", UINT32, 4096))
    file.alignment = 4096

    card = read_header(file.write(tmp_path / "model.gguf"))

    assert card.name == "Small"


def test_a_vocabulary_of_150000_words_is_counted_without_being_held(tmp_path: Path) -> None:
    file = without(Gguf(), "tokenizer.ggml.tokens")
    words = [f"token-{index:06}" for index in range(151_935)]
    file.keys.append(array("tokenizer.ggml.tokens", STRING, [*words, "<|fim_prefix|>"]))
    file.keys.append(array("tokenizer.ggml.merges", STRING, words))
    file.keys.append(array("tokenizer.ggml.token_type", INT32, [1] * 151_936))
    path = file.write(tmp_path / "model.gguf")

    card = read_header(path)

    assert card.vocabulary == 151_936


def test_infill_words_are_found_wherever_the_window_ends(tmp_path: Path) -> None:
    words = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
    edge = cursor.WINDOW_BYTES
    for shift in range(0, 24, 5):
        file = without(Gguf(), "tokenizer.ggml.tokens")
        padding = ["x" * (edge - 400 - shift), *["y"] * 14, *words]
        file.keys.append(array("tokenizer.ggml.tokens", STRING, padding))

        card = read_header(file.write(tmp_path / "model.gguf"))

        assert card.can_infill, shift


def test_infill_by_keys_needs_all_three(tmp_path: Path) -> None:
    keys = [
        scalar(f"tokenizer.ggml.{one}_token_id", UINT32, 1)
        for one in ("fim_pre", "suffix", "fim_mid")
    ]
    whole, part = Gguf(), Gguf()
    whole.keys += keys
    part.keys += keys[:2]

    assert read_header(whole.write(tmp_path / "whole.gguf")).can_infill
    assert not read_header(part.write(tmp_path / "part.gguf")).can_infill


# --- what is refused -------------------------------------------------------------------------

LONG = 2**62

FILES: dict[str, tuple[Gguf, str]] = {
    "magic": (Gguf(magic=b"GGUX"), "no GGUF file"),
    "old GGML": (Gguf(magic=b"tjgg"), "2023"),
    "big endian": (Gguf(version=3 << 24), "big-endian"),
    "version 1": (Gguf(version=1), "version 1"),
    "version 4": (Gguf(version=4), "version 4"),
    "version 0": (Gguf(version=0), "version 0"),
    "too many tensors": (Gguf(tensor_count=2**63), "claims 9223372036854775808 tensors"),
    "too many keys": (Gguf(key_count=2**40), "claims 1099511627776 keys"),
    "more keys than there are": (Gguf(key_count=9), "at byte"),
    "long key": (with_key(string("k" * 2000) + struct.pack("<I", 0)), "a key claims 2000 bytes"),
    "endless key": (with_key(struct.pack("<Q", LONG)), "a key claims"),
    "empty key": (with_key(scalar("", UINT32, 1)), "empty"),
    "key twice": (with_key(scalar("general.name", STRING, "x")), "stands there twice"),
    "unknown type": (with_key(string("x") + struct.pack("<I", 99)), "unknown type 99"),
    "endless text": (with_key(string("x") + struct.pack("<IQ", STRING, LONG)), "cut off"),
    "endless list": (with_key(array("x", UINT64, [], count=LONG)), "cut off"),
    "endless list of texts": (with_key(array("x", STRING, [], count=LONG)), "claims"),
    "list of lists": (with_key(array("x", UINT32, [])[:-12] + bytes(100)), "at byte"),
    "list of nothing": (
        with_key(string("x") + struct.pack("<IIQ", ARRAY, ARRAY, 1)),
        "entries of type 9",
    ),
    "huge word": (
        with_key(array("x", STRING, ["w" * (cursor.WINDOW_BYTES + 9)])),
        f"string of {cursor.WINDOW_BYTES + 9} bytes",
    ),
    "alignment 0": (with_key(scalar("general.alignment", UINT32, 0)), "alignment is 0"),
    "alignment 48": (with_key(scalar("general.alignment", UINT32, 48)), "alignment is 48"),
    "alignment 2^31": (with_key(scalar("general.alignment", UINT32, 2**31)), "alignment is 2147"),
    "alignment text": (with_key(scalar("general.alignment", STRING, "32")), "wrong type"),
    "split as float": (with_key(scalar("split.count", FLOAT32, 2.0)), "wrong type"),
    "long tensor name": (with_tensor(Tensor("t" * 64, (8,))), "name claims 64 bytes"),
    "tensor twice": (with_tensor(Tensor("output_norm.weight", (8,))), "two tensors are named"),
    "five dimensions": (with_tensor(Tensor("t", (1, 1, 1, 1, 1))), "5 dimensions"),
    "endless dimensions": (with_tensor(Tensor("t", (8,), dimensions=2**32 - 1)), "dimensions"),
    "no length": (with_tensor(Tensor("t", (8, 0), size=32)), "impossible length, 0"),
    "negative length": (with_tensor(Tensor("t", (2**64 - 1,))), "impossible length"),
    "overflowing shape": (with_tensor(Tensor("t", (2**32, 2**32, 2))), "impossible length"),
    "unknown number type": (with_tensor(Tensor("t", (32,), 77)), "unknown number type 77"),
    "negative number type": (with_tensor(Tensor("t", (32,), -1)), "unknown number type"),
    "removed number type": (with_tensor(Tensor("t", (32,), 31)), "removed"),
    "broken block": (with_tensor(Tensor("t", (33,), 8)), "which Q8_0 cannot store"),
    "offset apart": (with_tensor(Tensor("t", (8,), offset=4096)), "said to lie at 4096"),
    "offset within another": (with_tensor(Tensor("t", (8,), offset=32)), "said to lie at 32"),
    "data past the end": (with_tensor(Tensor("t", (2**20, 2**10))), "are missing"),
    "no architecture": (without(Gguf(), "general.architecture"), "general.architecture"),
    "vocabulary alone": (Gguf(tensors=[]), "only a vocabulary"),
    "no context": (without(Gguf(), "llama.context_length"), "llama.context_length"),
    "no layers": (without(Gguf(), "llama.block_count"), "llama.block_count"),
    "no vocabulary": (without(Gguf(), "tokenizer.ggml.tokens"), "vocabulary has 0"),
    "heads as text": (
        Gguf(keys=[scalar("llama.attention.head_count_kv", STRING, "2"), *Gguf().keys]),
        "must be a whole number",
    ),
    "heads for other layers": (
        Gguf(keys=[array("llama.attention.head_count_kv", INT32, [1, 2]), *Gguf().keys]),
        "must be a list of 1 numbers, not 2",
    ),
    "negative heads": (
        Gguf(keys=[array("llama.attention.head_count_kv", INT32, [-4]), *Gguf().keys]),
        "none negative",
    ),
    "tensor of a layer too many": (
        with_tensor(Tensor("blk.1.attn_q.weight", (8,))),
        "past the last of 1 layers",
    ),
    "too many experts": (with_key(scalar("llama.expert_count", UINT32, 5000)), "5000 experts"),
    "experts unused": (with_key(scalar("llama.expert_count", UINT32, 8)), "0 of 8 experts"),
    "absurd heads": (
        with_key(scalar("llama.attention.key_length", UINT32, 2**32 - 1)),
        "claims to keep",
    ),
    "causal as a number": (with_key(scalar("llama.attention.causal", UINT32, 1)), "true or false"),
    "template as a number": (
        with_key(scalar("tokenizer.chat_template", BOOL, 1)),
        "chat template",
    ),
    "endless template": (
        with_key(scalar("tokenizer.chat_template", STRING, "x" * (2**20 + 1))),
        "chat template",
    ),
    "adapter": (with_key(scalar("general.type", STRING, "adapter")), "LoRA adapter"),
    "projector": (
        Gguf(keys=[scalar("general.architecture", STRING, "clip")]),
        "projector",
    ),
    "part under another name": (with_key(scalar("split.count", UINT16, 3)), "one of 3 parts"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    file, reason = FILES[name]

    said = refusal(file.write(tmp_path / "model.gguf"))

    assert reason in said


BEGINNINGS = {
    b"": "empty",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "Git LFS",
    b"<!doctype html><html>": "web page",
    b"PK\x03\x04rest": "archive",
    b"\x89PNG": "no GGUF file",
}


@pytest.mark.parametrize("content", BEGINNINGS, ids=lambda content: repr(content[:9]))
def test_what_is_no_model_at_all_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)

    assert BEGINNINGS[content] in refusal(path)


def test_a_cut_off_file_says_how_many_bytes_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    content = Gguf().content()
    path.write_bytes(content[:-5])

    assert f"5 of {len(content)} bytes are missing" in refusal(path)


def test_a_folder_or_a_pipe_is_no_model(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)

    assert "not a file" in refusal(tmp_path)
    assert "not a file" in refusal(pipe)
    assert "No such file" in refusal(tmp_path / "none.gguf")


def test_a_missing_part_of_a_split_model_is_named(gguf_store: GgufStore, tmp_path: Path) -> None:
    made = gguf_store.llama(LlamaOptions(seed=9, shard_tensors=8))
    parts = sorted(made.parent.glob(made.name.replace("00001-of", "*-of")))
    for part in parts[:-1]:
        (tmp_path / part.name).write_bytes(part.read_bytes())

    said = refusal(tmp_path / parts[0].name)

    assert f"1 of its {len(parts)} parts are missing: {parts[-1].name}" in said


def test_parts_in_wrong_order_are_refused(gguf_store: GgufStore, tmp_path: Path) -> None:
    made = gguf_store.llama(LlamaOptions(seed=9, shard_tensors=8))
    parts = sorted(made.parent.glob(made.name.replace("00001-of", "*-of")))
    for part, name in zip(parts, [parts[0], *reversed(parts[1:])], strict=True):
        (tmp_path / name.name).write_bytes(part.read_bytes())

    assert "says to be part" in refusal(tmp_path / parts[0].name)


def test_a_vocabulary_file_is_read_although_it_is_no_model(tmp_path: Path) -> None:
    header = read_file(Gguf(tensors=[]).write(tmp_path / "vocabulary.gguf"))

    assert header.count("tokenizer.ggml.tokens") == 3
