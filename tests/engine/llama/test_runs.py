"""Endless runs of one kind of character are cut, ordinary text never is, and nothing is lost."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.llama.runs import RUN_MAX, UNKNOWN_STRIDE, cut, cut_unknown
from tests.engine.llama.conftest import open_model
from tests.gguf_made import GgufStore, LlamaOptions
from tests.gguf_made.corpus import CORPUS


def test_ordinary_text_is_one_piece_however_long() -> None:
    text = CORPUS * 50

    assert len(text) > 10 * RUN_MAX
    assert cut(text) == [text]


@pytest.mark.parametrize("unit", ["a", "7", " ", "\n", "é", "漢", "ที่", "!", "a1", "e\u0301"])
def test_no_run_is_left_past_its_limit(unit: str) -> None:
    text = "before " + unit * 40_000 + " after"

    pieces = cut(text)

    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= RUN_MAX


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "7", " ", "!", "漢"]), st.integers(1, 20_000)), max_size=6
    )
)
def test_runs_between_other_runs_are_found_too(runs: list[tuple[str, int]]) -> None:
    text = "".join(letter * count for letter, count in runs)

    pieces = cut(text)

    assert "".join(pieces) == text
    for piece in pieces:
        for letter in "a7 !漢":
            assert letter * RUN_MAX not in piece


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b ", "\n", "漢", "é\n"]), st.integers(1, 2000)), max_size=6
    )
)
def test_no_long_run_of_unknown_characters_is_left(parts: list[tuple[str, int]]) -> None:
    text = "".join(unit * count for unit, count in parts)

    pieces = cut_unknown(text, frozenset("ab é"), frozenset(("é\n", " 漢")))

    assert "".join(pieces) == text
    assert all(piece[0] in "\n" for piece in pieces[1:])
    assert not any(piece.endswith("é") for piece in pieces[:-1])
    for piece in pieces:
        assert "\n" * 2 * UNKNOWN_STRIDE not in piece


@pytest.mark.parametrize("unit", ["\n", "漢", "\x01 words ", "word\n", "漢字, "])
@pytest.mark.parametrize("space_prefix", [True, False])
@pytest.mark.parametrize("add_special", [True, False])
def test_unknown_characters_are_cut_apart_without_a_token_that_differs(
    gguf_store: GgufStore, unit: str, space_prefix: bool, add_special: bool
) -> None:
    options = LlamaOptions(layers=1, tokenizer="spm", add_bos=True, space_prefix=space_prefix)
    backend = open_model(gguf_store.llama(options))
    vocabulary = backend.vocabulary
    text = f" words before {unit * 3000} words after <|im_end|>\n" + "\t" * 1500

    tokens = vocabulary.tokenize(text, add_special=add_special, parse_special=True)

    assert tokens == vocabulary._tokenize(text, add_special, True)
    backend.close()


def test_a_million_line_ends_are_read_at_once(gguf_store: GgufStore) -> None:
    backend = open_model(gguf_store.llama(LlamaOptions(layers=1, tokenizer="spm")))

    tokens = backend.vocabulary.tokenize("\n" * 10**6, add_special=False, parse_special=True)

    assert len(tokens) == 10**6
    backend.close()


def test_a_cut_text_has_its_special_tokens_once(gguf_store: GgufStore) -> None:
    backend = open_model(gguf_store.llama(LlamaOptions(layers=1, add_bos=True)))
    vocabulary = backend.vocabulary
    text = "a" * 50_000

    tokens = vocabulary.tokenize(text, add_special=True, parse_special=True)
    bare = vocabulary.tokenize(text, add_special=False, parse_special=True)

    assert vocabulary.special_piece(tokens[0]).decode() == vocabulary.bos_text
    assert tokens[1:] == bare
    assert vocabulary.detokenize(bare) == text
    backend.close()


ENDLESS = """
import sys
from app.engine.llama import library
import llama_cpp.llama_cpp as llama
from app.engine.llama.vocabulary import LlamaVocabulary
library.start()
parameters = llama.llama_model_default_params()
parameters.vocab_only = True
model = llama.llama_model_load_from_file(sys.argv[1].encode(), parameters)
vocabulary = LlamaVocabulary(llama.llama_model_get_vocab(model))
for unit in ("a", "7", " ", "!", "\\u0e17\\u0e35\\u0e48", "a1"):
    text = unit * 100_000
    tokens = vocabulary.tokenize(text, add_special=False, parse_special=True)
    assert vocabulary.detokenize(tokens) == text, unit
"""


def test_endless_words_do_not_overflow_the_stack_of_a_regex_vocabulary(
    gguf_store: GgufStore,
) -> None:
    # The words of this kind of vocabulary are found by std::regex.
    path = gguf_store.llama(LlamaOptions(layers=1, pre_tokenizer="deepseek-llm"))

    child = subprocess.run(
        [sys.executable, "-c", ENDLESS, str(path)], capture_output=True, timeout=100, check=False
    )

    assert child.returncode == 0, child.stderr.decode()[-2000:]
