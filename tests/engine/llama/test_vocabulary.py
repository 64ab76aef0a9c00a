"""Text to tokens and back, on vocabularies that the suite makes and on real ones."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.llama.backend import LlamaBackend
from tests.engine.llama.conftest import open_model
from tests.gguf_made import GgufStore, LlamaOptions
from tests.gguf_made.tokenizer import CONTROL, MARKERS, bpe

TEXTS = [
    "",
    "What is the weather in Berlin?",
    "Grüße aus Zürich, naïve façade, Ωmega",
    "今日はいい天気ですね。",
    "مرحبا بالعالم",
    "🙂🚀👩‍👩‍👧‍👦 e\u0301",
    " \n\n\t  indented\r\n",
    "a\x00b",
    "<|im_start|>user\nhello<|im_end|>\n",
    '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>',
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_survives_the_round_trip(llama: LlamaBackend, text: str) -> None:
    vocabulary = llama.vocabulary

    tokens = vocabulary.tokenize(text, add_special=False, parse_special=True)

    assert vocabulary.detokenize(tokens) == text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text())
def test_any_text_survives_the_round_trip(llama: LlamaBackend, text: str) -> None:
    vocabulary = llama.vocabulary

    tokens = vocabulary.tokenize(text, add_special=False, parse_special=False)

    assert vocabulary.detokenize(tokens) == text


def test_half_a_surrogate_pair_becomes_a_question_mark(llama: LlamaBackend) -> None:
    tokens = llama.vocabulary.tokenize("a\ud83dz", add_special=False, parse_special=False)

    assert llama.vocabulary.detokenize(tokens) == "a?z"


def test_special_tokens_are_parsed_only_where_asked(llama: LlamaBackend) -> None:
    vocabulary = llama.vocabulary
    marker = "<|im_end|>"

    parsed = vocabulary.tokenize(marker, add_special=False, parse_special=True)
    spelled = vocabulary.tokenize(marker, add_special=False, parse_special=False)

    assert parsed == [bpe(640).id(marker)]
    assert len(spelled) > 1
    assert vocabulary.detokenize(spelled) == marker


def test_pieces_hide_control_tokens_and_special_pieces_show_them(llama: LlamaBackend) -> None:
    vocabulary, ids = llama.vocabulary, bpe(640).id

    for text in CONTROL:
        assert vocabulary.piece(ids(text)) == b""
        assert vocabulary.special_piece(ids(text)) == text.encode()
        assert vocabulary.is_control(ids(text))
    for text in MARKERS:
        assert vocabulary.piece(ids(text)) == vocabulary.special_piece(ids(text)) == text.encode()
        assert not vocabulary.is_control(ids(text))


def test_pieces_of_single_bytes_are_those_bytes(llama: LlamaBackend) -> None:
    tokens = llama.vocabulary.tokenize("\u2603", add_special=False, parse_special=False)

    assert [llama.vocabulary.piece(token) for token in tokens] == [b"\xe2", b"\x98", b"\x83"]


def test_a_token_outside_the_vocabulary_is_an_index_error(llama: LlamaBackend) -> None:
    for token in (-1, llama.vocabulary.size):
        with pytest.raises(IndexError):
            llama.vocabulary.piece(token)


def test_every_token_that_ends_is_known(llama: LlamaBackend) -> None:
    vocabulary, ids = llama.vocabulary, bpe(640).id

    ends = {token for token in range(vocabulary.size) if vocabulary.is_end(token)}

    assert ends == {ids("<|im_end|>"), ids("<|endoftext|>")}
    assert vocabulary.eos_text == "<|im_end|>"


def test_infill_tokens_are_prefix_suffix_middle(llama: LlamaBackend) -> None:
    ids = bpe(640).id

    assert llama.vocabulary.infill == (
        ids("<|fim_prefix|>"),
        ids("<|fim_suffix|>"),
        ids("<|fim_middle|>"),
    )


def test_bos_is_added_where_the_model_asks_for_it(gguf_store: GgufStore) -> None:
    backend = open_model(gguf_store.llama(LlamaOptions(layers=1, add_bos=True)))
    vocabulary = backend.vocabulary

    with_bos = vocabulary.tokenize("hello", add_special=True, parse_special=False)
    without = vocabulary.tokenize("hello", add_special=False, parse_special=False)

    assert vocabulary.bos_text == "<|endoftext|>"
    assert with_bos == [bpe(640).id("<|endoftext|>"), *without]
    backend.close()


@pytest.mark.parametrize("text", TEXTS)
def test_a_sentencepiece_vocabulary_survives_the_round_trip(
    gguf_store: GgufStore, text: str
) -> None:
    backend = open_model(gguf_store.llama(LlamaOptions(layers=1, tokenizer="spm")))

    tokens = backend.vocabulary.tokenize(text, add_special=False, parse_special=True)

    assert backend.vocabulary.detokenize(tokens) == text
    backend.close()


def test_many_threads_may_ask_at_once(llama: LlamaBackend) -> None:
    vocabulary = llama.vocabulary
    text = " ".join(TEXTS) * 20

    expected = vocabulary.tokenize(text, add_special=True, parse_special=True)
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(
                lambda _: vocabulary.tokenize(text, add_special=True, parse_special=True),
                range(16),
            )
        )

    assert all(tokens == expected for tokens in found)


def test_the_constraint_tokenizer_knows_every_end_and_is_made_once(llama: LlamaBackend) -> None:
    vocabulary = llama.vocabulary

    tokenizer = vocabulary.constraint_tokenizer()

    assert tokenizer is vocabulary.constraint_tokenizer()
    assert tokenizer.vocab_size == vocabulary.size
    assert vocabulary.is_end(tokenizer.eos_token)
    text = '{"city": "Zürich"}'
    expected = vocabulary.tokenize(text, add_special=False, parse_special=False)
    assert tokenizer.tokenize_str(text) == expected
