"""Over real vocabularies a call is written with the very tokens that the model was taught."""

from collections.abc import Iterator
from contextlib import contextmanager

import llama_cpp
import numpy as np
import pytest

from app.engine.chat.dialect import Dialect
from app.engine.constrain import Constrainer
from app.engine.llama import library
from app.engine.llama.vocabulary import LlamaVocabulary
from app.wire.engine import PromptChat
from tests import sdist
from tests.engine.chat.speech import WEATHER, user

pytestmark = pytest.mark.model


@contextmanager
def vocabulary(name: str) -> Iterator[LlamaVocabulary]:
    library.start()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    path = str(sdist.vocabulary(name)).encode()
    model = llama_cpp.llama_model_load_from_file(path, parameters)
    yield LlamaVocabulary(llama_cpp.llama_model_get_vocab(model))
    llama_cpp.llama_model_free(model)


def control_token(words: LlamaVocabulary, text: str) -> int | None:
    tokens = words.tokenize(text, add_special=False, parse_special=True)
    return tokens[0] if len(tokens) == 1 and words.is_control(tokens[0]) else None


@pytest.mark.parametrize(
    ("name", "template", "call"),
    [
        pytest.param(
            "gemma-4",
            "google-gemma-4-31B-it",
            '<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,unit:<|"|>c<|"|>}<tool_call|>',
            marks=pytest.mark.slow,
        ),
        (
            "llama-bpe",
            "meta-llama-Llama-3.1-8B-Instruct",
            '{"name": "get_weather", "parameters": {"city": "Paris", "unit": "c"}}',
        ),
        (
            "qwen35",
            "Qwen3.5-4B",
            "Hm.\n</think>\n\n<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n"
            "</parameter>\n<parameter=unit>\nc\n</parameter>\n</function>\n</tool_call>",
        ),
    ],
)
def test_the_mask_lets_a_call_pass_as_the_model_writes_it(
    name: str, template: str, call: str
) -> None:
    with vocabulary(name) as words:
        dialect = Dialect.learn(
            sdist.template(template),
            bos=words.bos_text,
            eos=words.eos_text,
            control_token=lambda text: control_token(words, text),
        )
        constrainer = Constrainer(words.constraint_tokenizer(), words.ends)

        for choice in ("auto", "required"):
            chat = PromptChat(messages=[user("hi")], tools=[WEATHER], tool_choice=choice)
            prepared = dialect.prepare(chat, None)
            assert prepared.grammar is not None
            constraint = constrainer.compile(prepared.grammar)
            for token in words.tokenize(call, add_special=False, parse_special=True):
                logits = np.zeros(words.size, np.float32)
                constraint.mask(logits)
                assert logits[token] == 0, words.special_piece(token)
                constraint.accept(token)
