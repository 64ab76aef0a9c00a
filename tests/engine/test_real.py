"""The engine on llama.cpp: what one request gets does not depend on what else runs."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from app.core.base.ids import Domain, RequestId
from app.core.models.plan import LoadPlan
from app.core.scheduling.sequence import Priority
from app.wire.engine import (
    Cancel,
    Delta,
    Embed,
    Embedded,
    Generate,
    OutputSchema,
    PromptInfill,
    PromptText,
    Sampling,
)
from tests.gguf_made.llama import EXACT_PLAN
from tests.support.engine_child import Answered, EngineChild

pytestmark = pytest.mark.model

GREEDY = Sampling(temperature=0)
PLAN = LoadPlan(
    context=1024,
    cells=8192,
    sequences=8,
    slots=16,
    threads=1,
    threads_batch=1,
    step_tokens=256,
    **EXACT_PLAN,
)
NAMES = ("the furnace", "a quiet night", "seven ships", "the old road", "green glass")


@pytest.fixture(scope="module")
def engine(exact_gguf: Path) -> Iterator[EngineChild]:
    with EngineChild(exact_gguf, plan=PLAN) as child:
        yield child


def text(request: str, prompt: str, **more: object) -> Generate:
    fields: dict[str, object] = {"sampling": GREEDY, "max_tokens": 24, "top_logprobs": 0}
    fields.update(more)
    return Generate(request=RequestId(request), prompt=PromptText(text=prompt), **fields)  # type: ignore[arg-type]


def story(number: int) -> str:
    return f"Tell me of {NAMES[number % 5]}, number {number}. " * (1 + number % 4)


def test_greedy_answers_in_a_crowd_equal_those_alone(engine: EngineChild) -> None:
    alone = [engine.answer(text(f"a{n}", story(n), cache_prompt=False)).tokens() for n in range(16)]

    pending = [engine.ask(text(f"b{n}", story(n))) for n in range(16)]

    assert [p.all().tokens() for p in pending] == alone
    assert len({tuple(tokens) for tokens in alone}) > 8


def test_the_same_seed_gives_the_same_answer_whatever_else_runs(engine: EngineChild) -> None:
    warm = Sampling(temperature=1.2, seed=7)
    alone = engine.answer(text("s1", story(1), sampling=warm)).tokens()
    crowd = [engine.ask(text(f"c{n}", story(n), sampling=Sampling(seed=n))) for n in range(6)]

    crowded = engine.answer(text("s2", story(1), sampling=warm)).tokens()
    other = engine.answer(text("s3", story(1), sampling=Sampling(temperature=1.2, seed=8)))

    assert crowded == alone
    assert other.tokens() != alone
    for pending in crowd:
        pending.all()


def test_a_common_beginning_is_computed_once_for_all_that_arrive_together(
    exact_gguf: Path,
) -> None:
    common = "You are a careful helper who answers briefly and kindly. " * 20
    with EngineChild(exact_gguf, plan=PLAN) as engine:
        pending = [engine.ask(text(f"p{n}", f"{common} Question {n}?")) for n in range(8)]
        answers = [p.all() for p in pending]
        gauges = engine.wait_gauges(lambda g: g.running == 0 and g.completion_tokens >= 8 * 24)

    size = answers[0].completed.usage.prompt
    assert gauges.prompt_tokens < size + 8 * 12
    assert sum(a.completed.usage.cached for a in answers) > 7 * (size - 12)


def test_cached_beginnings_do_not_change_the_answer(engine: EngineChild) -> None:
    prompt = story(3) * 5
    fresh = engine.answer(text("f1", prompt, cache_prompt=False))

    engine.answer(text("f2", prompt))
    cached = engine.answer(text("f3", prompt))

    assert fresh.completed.usage.cached == 0
    assert cached.completed.usage.cached > 0
    assert cached.tokens() == fresh.tokens()


def test_other_domains_do_not_see_what_is_cached(engine: EngineChild) -> None:
    engine.answer(text("d1", story(4) * 3))

    other = engine.answer(text("d2", story(4) * 3, domain=Domain("guest:ann")))

    assert other.completed.usage.cached == 0


def test_speculation_does_not_change_a_greedy_answer(exact_gguf: Path, engine: EngineChild) -> None:
    few_words = Sampling(temperature=0, logit_bias=tuple((t, 50.0) for t in (300, 301, 302)))
    asked = [(story(n), GREEDY if n % 2 else few_words) for n in range(8)]
    plan = msgspec.structs.replace(PLAN, speculation=False)
    with EngineChild(exact_gguf, plan=plan) as without:
        expected = [
            without.answer(text(f"n{n}", prompt, sampling=how, max_tokens=80)).tokens()
            for n, (prompt, how) in enumerate(asked)
        ]

    answers = [
        engine.answer(text(f"y{n}", prompt, sampling=how, max_tokens=80))
        for n, (prompt, how) in enumerate(asked)
    ]

    assert [a.tokens() for a in answers] == expected
    assert sum(a.completed.usage.accepted for a in answers) > 40


def park(engine: EngineChild) -> tuple[Answered, Answered]:
    """A guest is under way when the owner comes and needs its place."""
    guest = engine.ask(
        text("guest", story(2) * 6, max_tokens=120, domain=Domain("g"), priority=Priority.GUEST)
    )
    guest.until(lambda event: isinstance(event, Delta))
    owner = engine.answer(text("owner", story(3) * 6, max_tokens=60))
    return guest.all(), owner


@pytest.mark.parametrize("ram", [0, 1 << 30], ids=["computed again", "from RAM"])
@pytest.mark.parametrize("cells", [400, 4096], ids=["cells short", "cells enough"])
def test_a_guest_that_was_parked_ends_with_the_answer_it_would_have_given(
    exact_gguf: Path, engine: EngineChild, ram: int, cells: int
) -> None:
    alone = engine.answer(text("g", story(2) * 6, max_tokens=120, cache_prompt=False)).tokens()
    plan = LoadPlan(
        context=400,
        cells=cells,
        sequences=1,
        slots=4,
        threads=1,
        threads_batch=1,
        parked_bytes_max=ram,
        speculation=False,
        **EXACT_PLAN,
    )

    with EngineChild(exact_gguf, plan=plan) as narrow:
        guest, owner = park(narrow)

    assert guest.tokens() == alone
    assert owner.ended().reason == "length"


def test_a_leaving_client_frees_its_cells_at_the_next_step(engine: EngineChild) -> None:
    pending = engine.ask(text("leave", story(1), max_tokens=900))
    pending.until(lambda event: isinstance(event, Delta))

    engine.send(Cancel(request=RequestId("leave")))

    gauges = engine.wait_gauges(lambda g: g.running == 0)
    assert gauges.cells_used == 0


def test_the_answer_ends_where_the_context_does(exact_gguf: Path) -> None:
    plan = LoadPlan(context=96, cells=256, sequences=2, slots=4, threads=1, threads_batch=1)
    with EngineChild(exact_gguf, plan=plan) as engine:
        answered = engine.answer(text("end", "once upon a time", max_tokens=None))

    usage = answered.completed.usage
    assert answered.ended().reason == "length"
    assert usage.prompt + usage.completion == 96


def test_output_is_held_to_a_schema(engine: EngineChild) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "n": {"enum": [1, 2, 3]}},
        "required": ["ok", "n"],
        "additionalProperties": False,
    }

    answered = engine.answer(
        text("schema", "Say it:", output=OutputSchema(schema=schema), max_tokens=200)
    )

    assert answered.ended().reason == "stop"

    value = msgspec.json.decode(answered.text())
    assert set(value) == {"ok", "n"}


def test_the_middle_is_written_from_prefix_and_suffix(engine: EngineChild) -> None:
    answered = engine.answer(
        Generate(
            request=RequestId("fim"),
            prompt=PromptInfill(prefix="def add(a, b):\n", suffix="\nprint(add(1, 2))"),
            max_tokens=8,
            sampling=GREEDY,
        )
    )

    assert answered.completed.usage.completion > 0


def test_a_recurrent_model_answers_many_and_continues_conversations(mamba_gguf: Path) -> None:
    plan = LoadPlan(context=512, cells=4096, sequences=4, slots=8, threads=1, threads_batch=1)
    with EngineChild(mamba_gguf, plan=plan) as engine:
        alone = [engine.answer(text(f"a{n}", story(n), cache_prompt=False)) for n in range(4)]
        pending = [engine.ask(text(f"b{n}", story(n))) for n in range(4)]
        crowd = [p.all() for p in pending]
        before = engine.wait_gauges(lambda g: g.running == 0).prompt_tokens
        same = engine.answer(text("c", "unheard of " + story(2) * 6, choices=3, max_tokens=8))
        computed = engine.wait_gauges(lambda g: g.running == 0).prompt_tokens - before

    assert not engine.facts.can_trim
    assert [a.tokens() for a in crowd] == [a.tokens() for a in alone]
    assert same.tokens(0) == same.tokens(1) == same.tokens(2)
    assert computed <= same.completed.usage.prompt + 2


def test_texts_become_vectors_of_length_one_alone_as_together(bert_gguf: Path) -> None:
    plan = LoadPlan(
        context=256, cells=512, is_embedding=True, step_tokens=512, micro_batch=512, threads=1
    )
    texts: list[str | list[int]] = [story(n) for n in range(12)]
    with EngineChild(bert_gguf, plan=plan) as engine:
        together = embedded(engine, "all", texts)
        alone = np.stack([embedded(engine, f"one{n}", [t])[0] for n, t in enumerate(texts)])
        short = embedded(engine, "short", texts[:1], dimensions=8)

    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    assert np.allclose(together, alone, atol=1e-3)
    assert short.shape == (1, 8)
    assert np.allclose(np.linalg.norm(short), 1, atol=1e-4)


def embedded(
    engine: EngineChild, request: str, inputs: list[str | list[int]], dimensions: int | None = None
) -> np.ndarray:
    message = Embed(request=RequestId(request), inputs=inputs, dimensions=dimensions)
    event = engine.ask(message).all().events[-1]
    assert isinstance(event, Embedded), event
    return np.stack([np.frombuffer(vector, dtype="<f4") for vector in event.vectors])


def test_a_file_that_is_no_model_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 60)
    engine = EngineChild(path, plan=PLAN)

    event = engine.wait_loaded()

    engine.process.wait(20)
    assert event is not None
    assert event.message  # type: ignore[union-attr]
