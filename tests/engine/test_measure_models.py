"""Attempts are measured by real vocabularies, of a model's file, without its weights."""

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.wire.engine import (
    Generate,
    OutputSchema,
    Prompt,
    PromptChat,
    PromptInfill,
    PromptText,
    PromptTokens,
    Said,
    Sampling,
    Tokenize,
    Tokens,
)
from tests.gguf_made import GgufStore
from tests.gguf_made.llama import EXACT, EXACT_PLAN, LlamaOptions
from tests.starter.test_trained import MODEL, PERSON, TIMER, WEATHER
from tests.support.engine_child import EngineChild
from tests.support.measured import measured
from tests.support.resumed import steps, tell

pytestmark = pytest.mark.model

GREEDY = Sampling(temperature=0)
WARM = Sampling(temperature=1.2, top_k=0, min_p=0.0, seed=4)
PLAN = LoadPlan(
    context=2048,
    cells=4096,
    sequences=4,
    slots=8,
    threads=1,
    threads_batch=1,
    **EXACT_PLAN,
)


@dataclasses.dataclass(frozen=True)
class Pair:
    """A worker's engine and the vocabulary of the same file."""

    worker: EngineChild
    words: EngineChild


@pytest.fixture(scope="module", params=["bpe", "spm", "characters in pieces"])
def pair(gguf_store: GgufStore, request: pytest.FixtureRequest) -> Iterator[Pair]:
    options: LlamaOptions = EXACT
    if request.param == "spm":
        options = dataclasses.replace(EXACT, tokenizer="spm", add_bos=True)
    if request.param == "characters in pieces":
        options = dataclasses.replace(EXACT, says_bytes=True)
    yield from both(gguf_store.llama(options))


@pytest.fixture(scope="module")
def trained() -> Iterator[Pair]:
    if not MODEL.exists():
        pytest.skip(f"{MODEL.name} is not in this checkout")
    yield from both(MODEL)


def both(path: Path) -> Iterator[Pair]:
    with (
        EngineChild(path, plan=PLAN) as worker,
        EngineChild(path, plan=PLAN, is_vocabulary_only=True) as words,
    ):
        yield Pair(worker, words)


def ask(prompt: Prompt, **more: object) -> Generate:
    fields: dict[str, object] = {"sampling": GREEDY, "max_tokens": 40, **more}
    return Generate(request=RequestId("ask"), prompt=prompt, **fields)  # type: ignore[arg-type]


def user(text: str, *tools: object) -> PromptChat:
    return PromptChat(messages=[{"role": "user", "content": text}], tools=list(tools))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "prompt",
    [
        PromptText(text="Once upon a time <|im_end|> there was "),
        PromptTokens(tokens=[300, 301, 302]),
        PromptInfill(prefix="def a():", suffix="return 1"),
        user("Grüße! Which ships?", WEATHER),
        PromptChat(
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "one"},
                {"role": "assistant", "content": "two", "reasoning_content": "hm"},
                {"role": "user", "content": "three"},
            ]
        ),
    ],
    ids=["text", "tokens", "infill", "chat with a tool", "conversation"],
)
def test_prompts_cost_what_the_model_reads(pair: Pair, prompt: Prompt) -> None:
    told = tell(pair.worker, ask(prompt, max_tokens=1), "prompt")

    found = measured(pair.words, ask(prompt, max_tokens=1), told.tokens, told.parts)

    assert found.prompt_tokens == told.answered.completed.usage.prompt
    assert found.agrees


@pytest.mark.parametrize("sampling", [GREEDY, WARM], ids=["greedy", "drawn"])
def test_honest_attempts_agree_and_add_up_wherever_the_seams_are(
    pair: Pair, sampling: Sampling
) -> None:
    generate = ask(PromptText(text="Of the seven ships "), sampling=sampling, max_tokens=60)
    told = tell(pair.worker, generate, "whole")
    whole = measured(pair.words, generate, told.tokens, told.parts)
    chance = random.Random(1)

    assert whole.agrees
    assert 0 < whole.answer_tokens <= len(told.tokens)
    for _ in range(12):
        cut = chance.choice(steps(told))
        first = measured(pair.words, generate, told.tokens[:cut], told.before(cut))
        rest = tell(pair.worker, generate, f"rest {chance.random()}", told.tokens[:cut])
        second = measured(pair.words, generate, rest.tokens, rest.parts, answered=told.tokens[:cut])
        assert (first.differs, second.differs) == ("", ""), cut
        added = first.answer_tokens + second.answer_tokens
        assert whole.answer_tokens - 2 <= added <= whole.answer_tokens, cut


def test_a_text_that_is_split_finer_than_need_be_costs_no_more(pair: Pair) -> None:
    text = "the furnace of the old road"
    generate = ask(PromptText(text="x"), max_tokens=None)
    answer = pair.words.ask(Tokenize(request=RequestId("t"), text=text, parse_special=False)).all()
    whole = answer.events[-1]
    assert isinstance(whole, Tokens)
    finer = []
    for letter in text:
        one = pair.words.ask(Tokenize(request=RequestId(f"t{len(finer)}"), text=letter)).all()
        assert isinstance(one.events[-1], Tokens)
        finer += one.events[-1].tokens

    found = measured(pair.words, generate, finer, [Said(text=text)])

    assert len(finer) > 2 * len(whole.tokens)
    assert found.answer_tokens <= len(whole.tokens)


def test_what_a_trained_model_says_costs_its_tokens(trained: Pair) -> None:
    for number, generate in enumerate(
        (
            ask(user("Count from 3 to 9.")),
            ask(user("What is the weather in Paris?", WEATHER, TIMER)),
            ask(user("Ada is 36 and lives in London."), output=OutputSchema(schema=PERSON)),
            ask(user("How do I share my GPU?"), max_tokens=200),
        )
    ):
        told = tell(trained.worker, generate, f"said {number}")

        found = measured(trained.words, generate, told.tokens, told.parts)

        assert (found.differs, found.answer_tokens) == ("", len(told.tokens)), number


def test_a_call_of_a_trained_model_agrees_wherever_it_was_cut(trained: Pair) -> None:
    generate = ask(user("What is the weather in Paris?", WEATHER, TIMER))
    told = tell(trained.worker, generate, "call")

    for cut in steps(told):
        found = measured(trained.words, generate, told.tokens[:cut], told.before(cut))
        assert (found.differs, found.answer_tokens) == ("", cut), cut


def test_a_whole_engine_measures_too(trained: Pair) -> None:
    generate = ask(user("Count from 3 to 9."))
    told = tell(trained.worker, generate, "self")

    found = measured(trained.worker, generate, told.tokens, told.parts)

    assert found.agrees


def test_a_file_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.gguf"
    path.write_bytes(b"GGUF" + b"\3\0\0\0" + bytes(16))
    engine = EngineChild(path, plan=PLAN, is_vocabulary_only=True)

    event = engine.wait_loaded()

    engine.process.wait(20)
    assert event is not None
    assert event.message  # type: ignore[union-attr]
