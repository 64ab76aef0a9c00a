"""An answer goes on after the tokens that were delivered, and nobody can see the seam."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.wire.engine import (
    Generate,
    OutputJson,
    OutputRegex,
    OutputSchema,
    PromptChat,
    PromptText,
    Sampling,
)
from tests.gguf_made import GgufStore
from tests.gguf_made.llama import EXACT, EXACT_PLAN
from tests.starter.test_trained import MODEL, PERSON, TIMER, WEATHER
from tests.support.engine_child import EngineChild
from tests.support.resumed import check_every_cut, steps, tell

pytestmark = pytest.mark.model

GREEDY = Sampling(temperature=0)
WARM = Sampling(temperature=1.1, top_k=0, top_p=0.98, min_p=0.0, seed=11)
PLAN = LoadPlan(
    context=1024,
    cells=4096,
    sequences=4,
    slots=8,
    threads=1,
    threads_batch=1,
    step_tokens=256,
    **EXACT_PLAN,
)


@pytest.fixture(scope="module")
def engine(exact_gguf: Path) -> Iterator[EngineChild]:
    with EngineChild(exact_gguf, plan=PLAN) as child:
        yield child


@pytest.fixture(scope="module")
def pieces(gguf_store: GgufStore) -> Iterator[EngineChild]:
    """A model whose answers are full of characters that come in several tokens."""
    model = gguf_store.llama(dataclasses.replace(EXACT, says_bytes=True))
    with EngineChild(model, plan=PLAN) as child:
        yield child


@pytest.fixture(scope="module")
def trained() -> Iterator[EngineChild]:
    if not MODEL.exists():
        pytest.skip(f"{MODEL.name} is not in this checkout")
    plan = msgspec.structs.replace(PLAN, context=4096, cells=8192)
    with EngineChild(MODEL, plan=plan) as child:
        yield child


def text(name: str, prompt: str, **more: object) -> Generate:
    fields: dict[str, object] = {"sampling": GREEDY, "max_tokens": 24, **more}
    return Generate(request=RequestId(name), prompt=PromptText(text=prompt), **fields)  # type: ignore[arg-type]


def chat(name: str, said: str, *, tools: tuple[object, ...] = (), **more: object) -> Generate:
    prompt = PromptChat(messages=[{"role": "user", "content": said}], tools=list(tools))  # type: ignore[arg-type]
    fields: dict[str, object] = {"sampling": GREEDY, "max_tokens": 120, **more}
    return Generate(request=RequestId(name), prompt=prompt, **fields)  # type: ignore[arg-type]


def test_a_greedy_answer_goes_on_as_if_it_had_not_been_interrupted(engine: EngineChild) -> None:
    whole = check_every_cut(engine, text("greedy", "Tell me of the seven ships. "))

    assert len(whole.tokens) == 24
    assert whole.end == ("length", None)


@pytest.mark.parametrize(
    "sampling",
    [
        WARM,
        Sampling(seed=3),
        Sampling(seed=4, repeat_penalty=1.3, frequency_penalty=0.4, presence_penalty=0.2),
        Sampling(seed=5, dry_multiplier=0.9, dry_allowed_length=1, temperature=1.5),
        Sampling(seed=6, top_k=1),
        Sampling(temperature=0, repeat_penalty=1.5),
    ],
    ids=["warm", "defaults", "penalties", "DRY", "one candidate", "greedy with a penalty"],
)
def test_an_answer_that_is_drawn_goes_on_with_the_draws_that_would_have_come(
    engine: EngineChild, sampling: Sampling
) -> None:
    whole = check_every_cut(engine, text("drawn", "Of the old road: ", sampling=sampling))

    assert len(set(whole.tokens)) > 4


def test_a_character_that_is_cut_between_two_workers_arrives_whole(pieces: EngineChild) -> None:
    sampling = msgspec.structs.replace(WARM, seed=2)

    whole = check_every_cut(pieces, text("utf8", "Glas ist grün: ", sampling=sampling))

    silent = [delta for delta in whole.deltas if delta.token_ids and not delta.parts]
    assert silent, "no character came in pieces"


def test_a_stop_string_is_found_across_the_seam_and_never_shown(engine: EngineChild) -> None:
    said = check_every_cut(engine, text("plain", "Green glass and ")).answered.text()
    stop = said[len(said) // 2 :][:9]

    whole = check_every_cut(engine, text("stop", "Green glass and ", stop=(stop,)))

    assert whole.end == ("stop", stop)
    assert whole.answered.text() == said[: said.index(stop)]


def test_text_that_was_held_back_for_a_stop_string_is_not_lost(engine: EngineChild) -> None:
    said = tell(engine, text("plain", "A quiet night "), "plain").answered.text()
    almost = said[8:] + "\0"

    whole = check_every_cut(engine, text("held", "A quiet night ", stop=(almost,)))

    assert whole.answered.text() == said


def test_an_answer_goes_on_on_another_machine(engine: EngineChild, exact_gguf: Path) -> None:
    plan = msgspec.structs.replace(PLAN, speculation=False, step_tokens=64)
    with EngineChild(exact_gguf, plan=plan) as other:
        check_every_cut(engine, text("moved", "Once the furnace ", sampling=WARM), other=other)


def test_speculation_leaves_no_seam_either(engine: EngineChild) -> None:
    few = Sampling(temperature=0, logit_bias=tuple((t, 50.0) for t in (300, 301, 302)))

    whole = check_every_cut(engine, text("guess", "Again and again ", sampling=few, max_tokens=60))

    assert whole.answered.completed.usage.accepted > 20
    assert max(len(delta.token_ids) for delta in whole.deltas) > 1


def test_json_held_to_a_schema_goes_on_in_its_grammar(engine: EngineChild) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "n": {"enum": [1, 2, 3]}},
        "required": ["ok", "n"],
        "additionalProperties": False,
    }

    whole = check_every_cut(
        engine, text("schema", "Say it:", output=OutputSchema(schema=schema), max_tokens=200)
    )

    assert set(json.loads(whole.answered.text())) == {"ok", "n"}
    assert whole.end[0] == "stop"


@pytest.mark.parametrize("output", [OutputRegex(pattern="[a-c]{3,9}-[0-9]{4}"), OutputJson()])
def test_drawn_answers_under_a_grammar_go_on(
    engine: EngineChild, output: OutputRegex | OutputJson
) -> None:
    check_every_cut(engine, text("form", "Write: ", output=output, sampling=WARM, max_tokens=40))


def test_a_recurrent_model_goes_on(mamba_gguf: Path) -> None:
    with EngineChild(mamba_gguf, plan=PLAN) as engine:
        whole = tell(engine, text("mamba", "Of the seven ships "), "whole")
        rest = tell(engine, text("mamba", "Of the seven ships "), "rest", whole.tokens[:9])

    assert whole.tokens[:9] + rest.tokens == whole.tokens


def test_what_was_answered_is_taken_from_the_cache_and_not_counted_twice(
    engine: EngineChild,
) -> None:
    generate = text("cached", "The long way round the hill to the sea. " * 3, max_tokens=40)
    whole = tell(engine, generate, "first")

    rest = tell(engine, generate, "second", whole.tokens[:30])

    usage = rest.answered.completed.usage
    assert usage.prompt == whole.answered.completed.usage.prompt
    assert usage.prompt - 1 <= usage.cached <= usage.prompt
    assert usage.completion == 10


def test_an_answer_whose_last_token_was_delivered_only_ends(engine: EngineChild) -> None:
    generate = text("last", "One more time ", max_tokens=12)
    whole = tell(engine, generate, "whole")

    rest = tell(engine, generate, "rest", whole.tokens)

    assert (rest.tokens, rest.parts) == ([], [])
    assert rest.end == ("length", None)
    assert rest.answered.completed.usage.completion == 0


def test_what_no_answer_begins_with_is_refused(engine: EngineChild) -> None:
    for name, more in (
        ("long", {"answered": [300] * 13, "max_tokens": 12}),
        ("outside", {"answered": [640]}),
        ("grammar", {"answered": [300, 301], "output": OutputRegex(pattern="[0-9]+")}),
        ("choices", {"answered": [300], "choices": 2}),
    ):
        refused = engine.answer(text(name, "No: ", **more)).refused
        assert (refused.kind, refused.field) == ("invalid_request", "answered"), name


def test_what_does_not_fit_with_what_was_answered_is_refused_with_the_numbers(
    engine: EngineChild,
) -> None:
    refused = engine.answer(text("room", "x", answered=[300] * 1024, max_tokens=None)).refused

    assert refused.kind == "context_length_exceeded"
    assert refused.prompt_tokens > refused.context == 1024


# --- a model that was trained: turns with an end, calls, JSON ---------------------------------


def test_a_trained_answer_goes_on_to_its_own_end(trained: EngineChild) -> None:
    whole = check_every_cut(trained, chat("count", "Count from 3 to 9."))

    assert whole.answered.text() == "3, 4, 5, 6, 7, 8, 9."
    assert whole.end == ("stop", None)


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_tool_call_goes_on_wherever_it_was_cut(trained: EngineChild, choice: str) -> None:
    asked = chat("call", "What is the weather in Paris?", tools=(WEATHER, TIMER))
    assert isinstance(asked.prompt, PromptChat)
    prompt = msgspec.structs.replace(asked.prompt, tool_choice=choice)

    whole = check_every_cut(trained, msgspec.structs.replace(asked, prompt=prompt))

    ((name, arguments),) = whole.answered.calls()
    assert name == "get_weather"
    assert json.loads(arguments) == {"city": "Paris"}
    assert whole.end == ("tool_calls", None)


def test_json_of_a_trained_model_goes_on(trained: EngineChild) -> None:
    output = OutputSchema(schema=PERSON)

    whole = check_every_cut(
        trained, chat("person", "Ada is 36 and lives in London. As JSON.", output=output)
    )

    assert set(json.loads(whole.answered.text())) == {"name", "age", "city"}


def test_a_drawn_answer_of_a_trained_model_goes_on(trained: EngineChild) -> None:
    sampling = Sampling(temperature=0.9, seed=21)

    whole = check_every_cut(
        trained, chat("warm", "How do I share my GPU?", sampling=sampling, max_tokens=60)
    )

    assert len(steps(whole)) > 10
