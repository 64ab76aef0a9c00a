"""Embedding models: one vector for each input, the same alone and in a batch."""

import numpy as np
import pytest
from gguf import PoolingType

from app.core.base.errors import ContextExceeded, RequestError, Unsupported
from app.engine.backend import LoadFailed
from app.engine.llama.backend import LlamaBackend
from tests.engine.llama.conftest import open_model, words
from tests.gguf_made import BertOptions, GgufStore, LlamaOptions

SENTENCES = ["The weather in Berlin is cloudy.", "A cat and a dog live near the sea.", "hello"]


def open_embedder(gguf_store: GgufStore, options: BertOptions | None = None) -> LlamaBackend:
    return open_model(gguf_store.bert(options), is_embedding=True)


def tokens_of(backend: LlamaBackend) -> list[list[int]]:
    return [
        backend.vocabulary.tokenize(text, add_special=True, parse_special=False)
        for text in SENTENCES
    ]


@pytest.mark.parametrize("pooling", [PoolingType.MEAN, PoolingType.CLS, PoolingType.LAST])
def test_a_batch_gives_each_input_the_vector_it_has_alone(
    gguf_store: GgufStore, pooling: PoolingType
) -> None:
    backend = open_embedder(gguf_store, BertOptions(pooling=pooling))
    inputs = tokens_of(backend)

    together = backend.embed(inputs)
    alone = np.concatenate([backend.embed([tokens]) for tokens in inputs])

    assert together.shape == (3, backend.facts.embedding_length)
    assert np.allclose(together, alone, atol=5e-3)
    backend.close()


def test_different_texts_have_different_vectors(gguf_store: GgufStore) -> None:
    backend = open_embedder(gguf_store)

    vectors = backend.embed(tokens_of(backend))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    likeness = vectors @ vectors.T
    assert np.all(likeness[~np.eye(3, dtype=bool)] < 0.95)
    backend.close()


def test_poolings_differ_and_are_told(gguf_store: GgufStore) -> None:
    mean = open_embedder(gguf_store)
    cls = open_embedder(gguf_store, BertOptions(pooling=PoolingType.CLS))

    assert (mean.facts.pooling, cls.facts.pooling) == ("mean", "cls")
    assert not np.allclose(mean.embed(tokens_of(mean)), cls.embed(tokens_of(cls)), atol=0.1)
    mean.close()
    cls.close()


def test_more_inputs_than_slots_and_more_tokens_than_a_call_are_split(
    gguf_store: GgufStore,
) -> None:
    backend = open_embedder(gguf_store)
    inputs = [words(size, seed=size, vocabulary=300) for size in range(1, 120, 3)]

    together = backend.embed(inputs)

    assert len(inputs) > backend.facts.plan.slots
    assert sum(map(len, inputs)) > backend.facts.plan.micro_batch
    for index in (0, 7, 20, len(inputs) - 1):
        assert np.allclose(together[index], backend.embed([inputs[index]])[0], atol=5e-3)
    backend.close()


@pytest.mark.parametrize("slots", [1, 7, 48, 100])
def test_any_number_of_slots_suits_an_embedder(gguf_store: GgufStore, slots: int) -> None:
    backend = open_model(gguf_store.bert(), is_embedding=True, slots=slots, step_tokens=512)
    inputs = [words(20, seed=n, vocabulary=300) for n in range(10)]

    assert np.isfinite(backend.embed(inputs)).all()
    backend.close()


def test_an_encoder_is_not_loaded_for_text(gguf_store: GgufStore) -> None:
    with pytest.raises(LoadFailed, match="only makes embeddings"):
        open_model(gguf_store.bert())


def test_an_input_of_the_whole_context_is_one_call(gguf_store: GgufStore) -> None:
    backend = open_embedder(gguf_store)
    longest = backend.facts.plan.context

    assert longest == backend.facts.context_trained == 256
    assert backend.facts.plan.micro_batch >= longest
    assert np.isfinite(backend.embed([words(longest, vocabulary=300)])).all()
    backend.close()


def test_an_input_past_the_context_is_refused_with_the_numbers(gguf_store: GgufStore) -> None:
    backend = open_embedder(gguf_store)

    with pytest.raises(ContextExceeded) as refused:
        backend.embed([[5], words(257, vocabulary=300)])

    assert (refused.value.prompt_tokens, refused.value.context) == (257, 256)
    backend.close()


def test_an_empty_input_is_refused_and_no_input_has_no_vector(gguf_store: GgufStore) -> None:
    backend = open_embedder(gguf_store)

    with pytest.raises(RequestError):
        backend.embed([[5], []])
    assert backend.embed([]).shape == (0, 64)
    backend.close()


def test_an_embedder_says_that_this_is_all_it_does(gguf_store: GgufStore) -> None:
    backend = open_embedder(gguf_store)

    assert backend.facts.capabilities == ("embedding",)
    backend.close()


def test_a_causal_model_embeds_by_its_last_token_where_its_header_is_silent(
    gguf_store: GgufStore,
) -> None:
    backend = open_model(gguf_store.llama(LlamaOptions(layers=1)), is_embedding=True)
    inputs = [words(size, seed=size) for size in (3, 50, 128)]

    together = backend.embed(inputs)

    assert backend.facts.pooling == "last"
    for index, tokens in enumerate(inputs):
        assert np.allclose(together[index], backend.embed([tokens])[0], atol=0.02)
    backend.close()


def test_a_causal_model_with_a_pooling_keeps_it(gguf_store: GgufStore) -> None:
    options = LlamaOptions(layers=1, pooling=PoolingType.MEAN)
    backend = open_model(gguf_store.llama(options), is_embedding=True)

    assert backend.facts.pooling == "mean"
    backend.close()


def test_a_chat_model_refuses_to_embed(llama: LlamaBackend) -> None:
    with pytest.raises(Unsupported):
        llama.embed([[5]])


def test_a_reranker_is_refused_at_load(gguf_store: GgufStore) -> None:
    with pytest.raises(LoadFailed, match="rerank"):
        open_embedder(gguf_store, BertOptions(pooling=PoolingType.RANK))
