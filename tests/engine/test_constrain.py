"""An answer under a grammar is always of the grammar, and ends where the grammar ends."""

import json
import random
import time
import warnings
from collections.abc import Iterator

import llama_cpp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer, TokenizerWrapper
from llguidance.llamacpp import lltokenizer_from_vocab

from app.core.base.errors import InvalidGrammar
from app.engine.backend import Floats
from app.engine.constrain import Constrainer, Constraint, grammar_of
from app.engine.llama import library
from app.wire.engine import OutputForm, OutputGrammar, OutputJson, OutputRegex, OutputSchema
from tests import sdist

EOS, EOT = 256, 257
SIZE = 258


class Bytes:
    """A vocabulary of all bytes and two ends, of which llguidance is told one."""

    def __init__(self) -> None:
        self.tokens = [bytes([byte]) for byte in range(256)] + [b"<eos>", b"<eot>"]
        self.special_token_ids = [EOS, EOT]
        self.eos_token_id = EOS
        self.bos_token_id = None

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


@pytest.fixture(scope="module")
def constrainer() -> Constrainer:
    return Constrainer(LLTokenizer(TokenizerWrapper(Bytes())), [EOT])


def allowed(constraint: Constraint, size: int = SIZE) -> list[int]:
    logits = np.zeros(size, np.float32)
    constraint.mask(logits)
    return [int(token) for token in np.flatnonzero(logits == 0)]


def write(constraint: Constraint, text: str) -> None:
    for byte in text.encode():
        assert byte in allowed(constraint)
        constraint.accept(byte)


def test_only_what_the_grammar_allows_keeps_its_logit(constrainer: Constrainer) -> None:
    constraint = constrainer.compile(grammar_of(OutputGrammar(text='root ::= "ab" | "cd"')))
    logits = np.arange(SIZE, dtype=np.float32)

    constraint.mask(logits)

    assert [chr(token) for token in np.flatnonzero(np.isfinite(logits))] == ["a", "c"]
    assert logits[ord("a")] == ord("a")


def test_every_end_is_allowed_where_the_grammar_may_end(constrainer: Constrainer) -> None:
    constraint = constrainer.compile(grammar_of(OutputRegex(pattern="a+")))

    assert allowed(constraint) == [ord("a")]
    write(constraint, "a")

    assert allowed(constraint) == [ord("a"), EOS, EOT]
    assert not constraint.is_finished
    constraint.accept(EOT)
    assert constraint.is_finished


def test_a_complete_answer_is_finished_and_only_ends_may_come(constrainer: Constrainer) -> None:
    constraint = constrainer.compile(grammar_of(OutputJson()))

    write(constraint, '{"a": [1, "b"]}')

    assert constraint.is_finished
    assert allowed(constraint) == [EOS, EOT]


def test_a_fork_goes_its_own_way(constrainer: Constrainer) -> None:
    constraint = constrainer.compile(grammar_of(OutputRegex(pattern="ab|ac")))
    write(constraint, "a")

    twin = constraint.fork()
    write(twin, "b")

    assert twin.is_finished
    assert [chr(token) for token in allowed(constraint)] == ["b", "c"]


def test_logits_past_the_vocabulary_are_forbidden(constrainer: Constrainer) -> None:
    constraint = constrainer.compile(grammar_of(OutputRegex(pattern="(?s:.*)")))

    assert max(allowed(constraint, SIZE + 100)) < SIZE


def test_a_token_that_is_not_allowed_is_an_error(constrainer: Constrainer) -> None:
    constraint = constrainer.compile(grammar_of(OutputRegex(pattern="a")))

    with pytest.raises(InvalidGrammar):
        constraint.accept(ord("b"))


@pytest.mark.parametrize(
    ("output", "field", "words"),
    [
        (
            OutputSchema(schema={"properties": {"a/b": {"items": {"type": "strin"}}}}),
            "response_format",
            "at /properties/a~1b/items: Invalid type: strin",
        ),
        (
            OutputSchema(schema={"$defs": {"x": {"pattern": "["}}, "$ref": "#/$defs/x"}),
            "response_format",
            "at /$defs/x: ",
        ),
        (OutputSchema(schema={"anyOf": [{}, {"not": {}}]}), "response_format", "at /anyOf/1"),
        (OutputSchema(schema=False), "response_format", "Unsatisfiable"),
        (OutputSchema(schema={"type": "array", "uniqueItems": True}), "response_format", "unique"),
        (OutputGrammar(text='root ::= "a" b'), "grammar", "Rule 'b' not found"),
        (OutputGrammar(text='root ::= "a"\nb :: "c"'), "grammar", "line 2"),
        (OutputGrammar(text='start: "a"\n  foo'), "grammar", "line 2"),
        (OutputGrammar(text='start: "a" foo'), "grammar", 'line 1, column 8: unknown name: "foo"'),
        (OutputGrammar(text=""), "grammar", "root"),
        (OutputGrammar(text="x" * 300_000), "grammar", "300000 characters"),
        (OutputRegex(pattern="[a-z"), "regex", "unclosed"),
        (OutputRegex(pattern="(?=a)b"), "regex", "look"),
    ],
)
def test_an_invalid_form_says_where(output: OutputForm, field: str, words: str) -> None:
    with pytest.raises(InvalidGrammar) as failure:
        grammar_of(output)

    assert failure.value.field == field
    assert words in failure.value.message


def nested(depth: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "output",
    [
        OutputSchema(schema=nested(5000)),
        OutputSchema(schema={"enum": [str(number) for number in range(200_000)]}),
        OutputSchema(schema={"properties": {str(n): {"type": "string"} for n in range(30_000)}}),
        OutputGrammar(text="start: " + "(" * 3000 + '"a"' + ")" * 3000),
        OutputGrammar(text="root ::= " + "(" * 3000 + '"a"' + ")" * 3000),
    ],
    ids=["deep", "long enum", "many properties", "deep Lark", "deep GBNF"],
)
def test_a_monstrous_form_is_refused_in_time(output: OutputForm) -> None:
    begun = time.process_time()

    with pytest.raises(InvalidGrammar):
        grammar_of(output)

    assert time.process_time() - begun < 5


def test_unknown_formats_are_remarks(constrainer: Constrainer) -> None:
    schema = {"properties": {"format": {"type": "string", "format": "binary"}}, "type": "object"}
    constraint = constrainer.compile(grammar_of(OutputSchema(schema=schema)))

    write(constraint, '{"format": "x"}')

    assert constraint.is_finished


def test_blanks_come_to_an_end(constrainer: Constrainer) -> None:
    constraint = constrainer.compile(grammar_of(OutputJson()))
    write(constraint, "{" + " " * 40)

    assert ord(" ") not in allowed(constraint)


# --- a real vocabulary -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def qwen() -> Iterator[tuple[LLTokenizer, list[int]]]:
    """A vocabulary of 152,000 tokens, and the ids that end an answer."""

    library.start()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    path = str(sdist.vocabulary("qwen2")).encode()
    model = llama_cpp.llama_model_load_from_file(path, parameters)
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    size = llama_cpp.llama_vocab_n_tokens(vocabulary)
    ends = [token for token in range(size) if llama_cpp.llama_vocab_is_eog(vocabulary, token)]
    with warnings.catch_warnings(action="ignore"):  # llguidance calls what is deprecated
        tokenizer = lltokenizer_from_vocab(vocabulary)
    yield tokenizer, ends
    llama_cpp.llama_model_free(model)


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def drawn(constraint: Constraint, size: int, chance: random.Random) -> list[int]:
    """Tokens drawn among those that may come, until the answer is complete."""
    tokens: list[int] = []
    while not constraint.is_finished:
        token = chance.choice(allowed(constraint, size))
        constraint.accept(token)
        tokens.append(token)
        assert len(tokens) < 2000
    return tokens


@pytest.mark.model
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_any_answer_over_a_real_vocabulary_satisfies_the_schema(
    qwen: tuple[LLTokenizer, list[int]], seed: int
) -> None:
    tokenizer, ends = qwen
    constraint = Constrainer(tokenizer, ends).compile(grammar_of(OutputSchema(schema=PERSON)))

    tokens = drawn(constraint, tokenizer.vocab_size, random.Random(seed))

    value = json.loads(tokenizer.decode_bytes(tokens))
    assert 0 <= value["age"] <= 120
    assert len(value["name"]) <= 12
    assert set(value) <= {"name", "age", "tags"}
    assert set(value.get("tags", [])) <= {"a", "b"}


@pytest.mark.model
@pytest.mark.parametrize(
    ("output", "text"),
    [
        (OutputRegex(pattern="(?s:.*)"), "Once upon"),
        (OutputJson(), '{"a": "Once'),
        (OutputJson(), '{"a": 1'),
        (OutputSchema(schema=PERSON), '{"'),
        (OutputGrammar(text="root ::= [^aeiou]*"), "X"),
    ],
    ids=["free", "in a text", "in a number", "one way", "about half"],
)
def test_a_mask_over_a_large_vocabulary_forbids_what_llguidance_forbids(
    qwen: tuple[LLTokenizer, list[int]], output: OutputForm, text: str
) -> None:
    tokenizer, ends = qwen
    constraint = Constrainer(tokenizer, ends).compile(grammar_of(output))
    for token in tokenizer.tokenize_str(text):
        constraint.accept(token)
    logits: Floats = np.random.default_rng(1).normal(size=tokenizer.vocab_size).astype(np.float32)
    expected = logits.copy()
    bits = np.unpackbits(
        np.frombuffer(constraint._matcher.compute_bitmask(), np.uint8), bitorder="little"
    )[: len(logits)].astype(bool)

    masked = logits.copy()
    constraint.mask(masked)

    assert np.array_equal(masked[bits], expected[bits])
    ends_too = set(np.flatnonzero(np.isfinite(masked) & ~bits).tolist())
    assert ends_too <= set(ends)
