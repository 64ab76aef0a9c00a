"""The decode call: batches equal single sequences, chunks equal wholes, refusals leave no trace."""

import numpy as np
import pytest

from app.core.base.ids import Slot
from app.core.scheduling.step import Row, Trim
from app.engine.backend import DecodeFailed
from app.engine.llama.backend import LlamaBackend
from app.wire.engine import Sampling
from tests.engine.llama.conftest import assert_same, compute, fresh, open_model, words
from tests.gguf_made import GgufStore, LlamaOptions


def greedy_alone(backend: LlamaBackend, prompt: list[int], count: int) -> list[int]:
    """The next `count` tokens of `prompt`, computed in slot 0 and forgotten."""
    logits = compute(backend, 0, prompt)
    answer = [int(logits.argmax())]
    while len(answer) < count:
        position = len(prompt) + len(answer) - 1
        backend.decode([Row(0, Slot(0), position, [answer[-1]], logits=1)])
        answer.append(int(backend.logits(0).argmax()))
    backend.move(Trim(Slot(0), 0))
    return answer


def greedy_together(backend: LlamaBackend, prompts: list[list[int]], count: int) -> list[list[int]]:
    """The same for several prompts in shared decode calls."""
    rows = [Row(n, Slot(n), 0, prompt, logits=1) for n, prompt in enumerate(prompts)]
    answers: list[list[int]] = [[] for _ in prompts]
    for _ in range(count):
        backend.decode(rows)
        for n, answer in enumerate(answers):
            answer.append(int(backend.logits(n).argmax()))
        rows = [
            Row(n, Slot(n), len(prompts[n]) + len(answer) - 1, [answer[-1]], logits=1)
            for n, answer in enumerate(answers)
        ]
    return answers


@pytest.mark.parametrize("kind", ["exact", "mamba", "hybrid", "windowed"])
def test_sequences_in_one_batch_answer_as_each_alone(
    kind: str, request: pytest.FixtureRequest
) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    prompts = [words(size, seed=size) for size in (5, 17, 30, 41)]

    alone = [greedy_alone(backend, prompt, 12) for prompt in prompts]
    together = greedy_together(backend, prompts, 12)

    assert together == alone


@pytest.mark.parametrize("kind", ["llama", "mamba", "hybrid", "windowed"])
def test_a_prompt_in_chunks_gives_the_logits_of_the_whole(
    kind: str, request: pytest.FixtureRequest
) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    prompt = words(120)
    whole = fresh(backend, prompt)

    for start in range(0, 120, 24):
        found = compute(backend, 0, prompt[start : start + 24], start=start)

    assert_same(found, whole)


def test_a_verified_draft_gives_the_answer_of_single_steps(exact: LlamaBackend) -> None:
    prompt = words(40)
    answer = greedy_alone(exact, prompt, 60)

    compute(exact, 0, prompt)
    for start in range(0, 48, 12):
        draft = answer[start : start + 12]
        exact.decode([Row(0, Slot(0), len(prompt) + start, draft, logits=12)])
        found = [int(exact.logits(n).argmax()) for n in range(12)]
        assert found == answer[start + 1 : start + 13]


def test_chunks_ride_with_decoding_rows(llama: LlamaBackend) -> None:
    one, two = words(30, seed=1), words(60, seed=2)
    compute(llama, 0, one[:-1])

    llama.decode(
        [
            Row(0, Slot(0), 29, one[-1:], logits=1),
            Row(1, Slot(1), 0, two[:40], logits=0),
        ]
    )
    first = llama.logits(0).copy()
    second = compute(llama, 1, two[40:], start=40)

    assert_same(first, fresh(llama, one))
    assert_same(second, fresh(llama, two))


@pytest.mark.parametrize("kind", ["llama", "mamba"])
def test_outputs_are_counted_over_all_rows_in_order(
    kind: str, request: pytest.FixtureRequest
) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    one, two, three = words(8, seed=1), words(20, seed=2), words(6, seed=3)

    backend.decode(
        [
            Row(0, Slot(0), 0, one, logits=1),
            Row(1, Slot(1), 0, two, logits=0),
            Row(2, Slot(2), 0, three, logits=3),
        ]
    )
    found = [backend.logits(n).copy() for n in range(4)]

    assert_same(found[0], fresh(backend, one))
    for n in (1, 2, 3):
        assert_same(found[n], fresh(backend, three[: 3 + n]))


def test_logits_can_be_written_and_the_sampler_sees_it(llama: LlamaBackend) -> None:
    compute(llama, 0, words(10))
    best = int(llama.logits(0).argmax())
    greedy = llama.sampler(Sampling(temperature=0), [])
    chain = llama.sampler(Sampling(temperature=0, repeat_penalty=1.1), [])

    llama.logits(0)[best] = -np.inf

    assert greedy.choose(0) != best
    assert chain.choose(0) != best
    chain.close()


def test_an_output_that_was_not_computed_is_refused(llama: LlamaBackend) -> None:
    llama.decode([Row(0, Slot(0), 0, words(10), logits=1)])

    with pytest.raises(AssertionError):
        llama.logits(1)


def test_a_decode_without_outputs_leaves_none(llama: LlamaBackend) -> None:
    compute(llama, 0, words(10))
    llama.decode([Row(1, Slot(1), 0, words(10), logits=0)])

    with pytest.raises(AssertionError):
        llama.logits(0)


def test_a_batch_that_does_not_fit_is_refused_and_leaves_memory_as_it_was(
    llama: LlamaBackend,
) -> None:
    prompt, more = words(300), words(5, seed=1)
    compute(llama, 0, prompt)
    compute(llama, 1, words(400, seed=2))
    compute(llama, 2, words(300, seed=3))

    with pytest.raises(DecodeFailed) as refused:
        llama.decode(
            [
                Row(0, Slot(0), 300, more, logits=1),
                Row(3, Slot(3), 0, words(100, seed=4), logits=1),
            ]
        )

    assert refused.value.is_room
    found = compute(llama, 0, more, start=300)
    llama.move(Trim(Slot(1), 0))
    llama.move(Trim(Slot(2), 0))
    assert_same(found, fresh(llama, prompt + more))


def test_rows_that_llama_cpp_calls_invalid_are_an_error_that_is_not_room(
    llama: LlamaBackend,
) -> None:
    prompt, more = words(20), words(5, seed=1)
    compute(llama, 0, prompt)

    with pytest.raises(DecodeFailed) as refused:
        llama.decode([Row(0, Slot(0), 50, more, logits=1)])

    assert not refused.value.is_room
    assert_same(compute(llama, 0, more, start=20), fresh(llama, prompt + more))


def test_a_step_past_its_size_is_a_bug_that_is_caught_before_c(llama: LlamaBackend) -> None:
    with pytest.raises(AssertionError):
        llama.decode([Row(0, Slot(0), 0, words(500), logits=1)])


def test_drafts_of_all_sequences_can_be_verified_at_once(llama: LlamaBackend) -> None:
    plan = llama.facts.plan
    rows = [Row(n, Slot(n), 0, words(17, seed=n), logits=17) for n in range(plan.sequences)]

    llama.decode(rows)

    assert_same(llama.logits(17 * 2 - 1).copy(), fresh(llama, words(17, seed=1)))


def test_few_cells_and_many_slots_are_no_abort_in_c(gguf_store: GgufStore) -> None:
    path = gguf_store.llama(LlamaOptions(layers=1))
    backend = open_model(path, cells=64, context=64, step_tokens=8, micro_batch=8, slots=60)

    assert backend.facts.plan.step_tokens == 8
    compute(backend, 59, words(20))
    backend.close()
