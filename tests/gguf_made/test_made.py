"""The makers keep their promises: same options, same bytes; headers say what was asked."""

from pathlib import Path

import gguf

from tests.gguf_made import GgufStore, LlamaOptions, make_llama
from tests.gguf_made.tokenizer import MARKERS, bpe, spm, word_pieces


def test_the_same_options_give_the_same_bytes(tmp_path: Path) -> None:
    first = make_llama(tmp_path / "first.gguf")
    second = make_llama(tmp_path / "second.gguf")

    assert first.read_bytes() == second.read_bytes()


def test_another_seed_gives_other_weights(gguf_store: GgufStore) -> None:
    first = gguf_store.llama()
    second = gguf_store.llama(LlamaOptions(seed=2))

    assert first.read_bytes() != second.read_bytes()
    assert first.stat().st_size == second.stat().st_size


def test_a_store_writes_each_model_once(gguf_store: GgufStore) -> None:
    first = gguf_store.llama(LlamaOptions(layers=1))
    second = gguf_store.llama(LlamaOptions(layers=1))

    assert first == second


def test_the_header_says_what_was_asked(gguf_store: GgufStore) -> None:
    path = gguf_store.llama(LlamaOptions(context=512, layers=3, name="Asked"))

    fields = gguf.GGUFReader(path).fields

    assert fields["llama.context_length"].contents() == 512
    assert fields["llama.block_count"].contents() == 3
    assert fields["general.name"].contents() == "Asked"


def test_a_split_model_has_numbered_shards(tmp_path: Path) -> None:
    path = make_llama(tmp_path / "split.gguf", LlamaOptions(shard_tensors=8))

    assert path.name == "split-00001-of-00003.gguf"
    assert len(list(tmp_path.iterdir())) == 3


def test_every_vocabulary_has_the_asked_size_and_no_token_twice() -> None:
    for tokenizer, size in ((bpe(640), 640), (bpe(5000), 5000), (spm(700), 700)):
        assert len(tokenizer.tokens) == size == len(tokenizer.types)
        assert len(set(tokenizer.tokens)) == size
        assert set(MARKERS) <= set(tokenizer.tokens)
    pieces = word_pieces(400)
    assert len(set(pieces.tokens)) == len(pieces.tokens) <= 400
