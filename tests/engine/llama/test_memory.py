"""Moves change the memory as they say: what is computed on top of them equals recomputing all."""

import pytest

from app.core.base.ids import Slot
from app.core.scheduling.step import Copy, Discard, Restore, Save, Trim
from app.engine.llama.backend import LlamaBackend
from tests.engine.llama.conftest import assert_same, compute, fresh, open_model, words
from tests.gguf_made import GgufStore, WindowedOptions


def test_a_copied_beginning_goes_on_as_if_it_had_been_computed(llama: LlamaBackend) -> None:
    prompt, other = words(100), words(20, seed=1)
    compute(llama, 0, prompt)

    llama.move(Copy(Slot(0), Slot(1), 60))
    found = compute(llama, 1, other, start=60)

    assert_same(found, fresh(llama, prompt[:60] + other))


def test_a_copy_leaves_its_source_alone(llama: LlamaBackend) -> None:
    prompt, more = words(100), words(5, seed=1)
    compute(llama, 0, prompt)

    llama.move(Copy(Slot(0), Slot(1), 60))
    compute(llama, 1, words(20, seed=2), start=60)
    llama.move(Trim(Slot(1), 0))
    found = compute(llama, 0, more, start=100)

    assert_same(found, fresh(llama, prompt + more))


def test_a_copied_beginning_outlives_its_source(llama: LlamaBackend) -> None:
    prompt, more = words(100), words(5, seed=1)
    compute(llama, 0, prompt)

    llama.move(Copy(Slot(0), Slot(1), 100))
    llama.move(Trim(Slot(0), 0))
    compute(llama, 2, words(100, seed=3))
    found = compute(llama, 1, more, start=100)

    assert_same(found, fresh(llama, prompt + more))


def test_copies_cost_no_cells(llama: LlamaBackend) -> None:
    prompt = words(400)
    compute(llama, 0, prompt)

    for slot in range(1, 7):
        llama.move(Copy(Slot(0), Slot(slot), 400))
    for slot in range(1, 7):
        compute(llama, slot, words(50, seed=slot), start=400)


def test_a_trimmed_end_is_forgotten(llama: LlamaBackend) -> None:
    prompt, other = words(100), words(20, seed=1)
    compute(llama, 0, prompt)

    llama.move(Trim(Slot(0), 37))
    found = compute(llama, 0, other, start=37)

    assert_same(found, fresh(llama, prompt[:37] + other))


def test_a_trim_to_nothing_frees_the_slot(llama: LlamaBackend) -> None:
    compute(llama, 0, words(100))

    llama.move(Trim(Slot(0), 0))
    found = compute(llama, 0, words(30, seed=1))

    assert_same(found, fresh(llama, words(30, seed=1)))


@pytest.mark.parametrize("kind", ["llama", "windowed", "mamba", "hybrid"])
def test_a_saved_state_comes_back_into_any_slot(kind: str, request: pytest.FixtureRequest) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    prompt, more = words(100), words(5, seed=1)
    compute(backend, 0, prompt)

    backend.move(Save(Slot(0), 7))
    compute(backend, 0, words(50, seed=2))
    backend.move(Restore(Slot(3), 7))
    found = compute(backend, 3, more, start=100)

    assert_same(found, fresh(backend, prompt + more))


def test_a_saved_state_frees_its_slot_and_its_cells(llama: LlamaBackend) -> None:
    compute(llama, 0, words(500))

    llama.move(Save(Slot(0), 1))
    compute(llama, 0, words(400, seed=1))
    compute(llama, 1, words(500, seed=2))

    llama.move(Discard(1))


@pytest.mark.parametrize("kind", ["llama", "windowed"])
def test_a_restored_state_can_be_shortened(kind: str, request: pytest.FixtureRequest) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    prompt, other = words(100), words(20, seed=1)
    compute(backend, 0, prompt)

    backend.move(Save(Slot(0), 7))
    backend.move(Restore(Slot(0), 7))
    backend.move(Trim(Slot(0), 41))
    found = compute(backend, 0, other, start=41)

    assert_same(found, fresh(backend, prompt[:41] + other))


def test_the_size_of_a_state_is_known_before_it_is_saved(llama: LlamaBackend) -> None:
    compute(llama, 0, words(50))
    short = llama.state_bytes(0)
    compute(llama, 1, words(100))
    long = llama.state_bytes(1)

    # Two layers of keys and values, 64 wide, in half precision.
    assert 50 * 512 < short < 50 * 512 + 4096
    assert 50 * 512 < long - short < 51 * 512 + 4096


def test_a_state_that_was_never_saved_is_a_key_error(llama: LlamaBackend) -> None:
    with pytest.raises(KeyError):
        llama.move(Restore(Slot(0), 99))
    with pytest.raises(KeyError):
        llama.move(Discard(99))


def test_a_state_comes_back_once(llama: LlamaBackend) -> None:
    compute(llama, 0, words(10))
    llama.move(Save(Slot(0), 1))
    llama.move(Restore(Slot(0), 1))

    with pytest.raises(KeyError):
        llama.move(Restore(Slot(0), 1))


# --- memories with a state -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mamba", "hybrid"])
def test_a_recurrent_memory_says_that_it_cannot_be_trimmed(
    kind: str, request: pytest.FixtureRequest
) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    compute(backend, 0, words(20))

    assert not backend.facts.can_trim
    with pytest.raises(AssertionError):
        backend.move(Trim(Slot(0), 10))


@pytest.mark.parametrize("kind", ["mamba", "hybrid"])
def test_a_refused_trim_changes_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    prompt, more = words(20), words(5, seed=1)
    compute(backend, 0, prompt)

    with pytest.raises(AssertionError):
        backend.move(Trim(Slot(0), 10))
    found = compute(backend, 0, more, start=20)

    assert_same(found, fresh(backend, prompt + more))


@pytest.mark.parametrize("kind", ["mamba", "hybrid"])
def test_a_whole_recurrent_sequence_can_be_copied(
    kind: str, request: pytest.FixtureRequest
) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    prompt, one, two = words(60), words(10, seed=1), words(10, seed=2)
    compute(backend, 0, prompt)

    backend.move(Copy(Slot(0), Slot(1), 60))
    first = compute(backend, 0, one, start=60)
    second = compute(backend, 1, two, start=60)

    assert_same(first, fresh(backend, prompt + one))
    assert_same(second, fresh(backend, prompt + two))


@pytest.mark.parametrize("kind", ["mamba", "hybrid"])
def test_a_recurrent_slot_can_be_used_again(kind: str, request: pytest.FixtureRequest) -> None:
    backend: LlamaBackend = request.getfixturevalue(kind)
    compute(backend, 0, words(60))

    backend.move(Trim(Slot(0), 0))
    found = compute(backend, 0, words(30, seed=1))

    assert_same(found, fresh(backend, words(30, seed=1)))


# --- sliding windows -------------------------------------------------------------------------


def crowd(backend: LlamaBackend, long: list[int]) -> None:
    """`long` in slot 0, and others around it, so that free cells end before its oldest ones."""
    compute(backend, 0, long[:60])
    compute(backend, 1, words(100, seed=9))
    compute(backend, 0, long[60:], start=60)
    backend.move(Trim(Slot(1), 0))
    compute(backend, 2, words(120, seed=8))


def test_a_shared_beginning_survives_in_a_crowded_window_cache(windowed: LlamaBackend) -> None:
    long, other = words(200), words(5, seed=1)
    crowd(windowed, long)

    windowed.move(Copy(Slot(0), Slot(3), 100))
    found = compute(windowed, 3, other, start=100)

    assert_same(found, fresh(windowed, long[:100] + other))


def test_a_trimmed_sequence_still_sees_its_window(windowed: LlamaBackend) -> None:
    long, other = words(200), words(5, seed=1)
    crowd(windowed, long)

    windowed.move(Trim(Slot(0), 90))
    found = compute(windowed, 0, other, start=90)

    assert_same(found, fresh(windowed, long[:90] + other))


def test_windowed_sequences_fill_all_cells_and_free_them_all(windowed: LlamaBackend) -> None:
    for _ in range(3):
        compute(windowed, 0, words(250))
        compute(windowed, 1, words(262))
        windowed.move(Trim(Slot(0), 0))
        windowed.move(Trim(Slot(1), 0))


def test_slots_that_need_mirrors_are_cut_to_what_llama_cpp_has(gguf_store: GgufStore) -> None:
    backend = open_model(gguf_store.windowed(WindowedOptions(layers=1)), slots=200, cells=512)

    assert backend.facts.plan.slots == 127
    compute(backend, 126, words(10))
    backend.close()
