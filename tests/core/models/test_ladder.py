"""Laws of the ladder: each rung gives up something, and it ends."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.models.ladder import Suspicion, next_rung, safer, words
from app.core.models.plan import LoadPlan

ON_GPU = LoadPlan(context=32_768, cells=131_072, gpu_layers=33, step_tokens=2048)
IN_RAM = LoadPlan(context=8192, cells=16_384, gpu_layers=0)

plans = st.builds(
    LoadPlan,
    context=st.integers(1, 200_000),
    cells=st.just(262_144),
    gpu_layers=st.sampled_from([-1, 0, 1, 2, 3, 33, 81]),
    step_tokens=st.sampled_from([64, 512, 2048]),
    micro_batch=st.just(64),
    tensor_split=st.sampled_from([(), (10.0, 23.0)]),
    use_extra_buffers=st.booleans(),
    is_embedding=st.booleans(),
)
suspicions = st.sampled_from(["memory", "instruction", "crash"])


def climb(plan: LoadPlan, suspicion: Suspicion) -> list[int]:
    """The rungs that are tried after one failure after another."""
    rungs, rung = [0], next_rung(plan, 0, suspicion)
    while rung is not None:
        rungs.append(rung)
        rung = next_rung(plan, rung, suspicion)
    return rungs


def test_the_top_is_the_plan_as_it_was_made() -> None:
    assert safer(ON_GPU, 0) == ON_GPU
    assert words(ON_GPU, 0) == ""


def test_when_memory_is_suspected_cells_go_first_and_layers_after() -> None:
    tried = [safer(ON_GPU, rung) for rung in climb(ON_GPU, "memory")]

    assert [plan.cells for plan in tried] == [131_072, 32_768, 32_768, 32_768, 8192, 8192]
    assert [plan.gpu_layers for plan in tried] == [33, 33, 16, 8, 0, 0]
    assert [plan.use_extra_buffers for plan in tried] == [True] * 5 + [False]


def test_a_crash_of_another_cause_goes_straight_to_fewer_layers() -> None:
    tried = [safer(ON_GPU, rung) for rung in climb(ON_GPU, "crash")]

    assert [plan.gpu_layers for plan in tried] == [33, 16, 8, 0, 0]


def test_in_ram_repacked_weights_are_given_up_first() -> None:
    assert climb(IN_RAM, "crash") == [0, 1]
    assert safer(IN_RAM, 1) == replace(IN_RAM, use_extra_buffers=False)
    assert words(IN_RAM, 1) == "without repacked weights"


def test_an_unknown_instruction_means_the_plainest_plan_at_once() -> None:
    rungs = climb(ON_GPU, "instruction")

    assert len(rungs) == 2
    plainest = safer(ON_GPU, rungs[1])
    assert (plainest.gpu_layers, plainest.use_extra_buffers) == (0, False)
    assert words(ON_GPU, rungs[1]) == "on the processor alone, without repacked weights"


def test_without_a_gpu_a_long_context_shrinks_and_the_gpu_is_left_alone() -> None:
    found = safer(ON_GPU, 4)

    assert (found.context, found.cells) == (8192, 8192)
    assert (found.split_mode, found.main_gpu, found.tensor_split) == ("none", -1, ())


def test_the_split_among_gpus_keeps_its_proportions() -> None:
    shared = replace(ON_GPU, gpu_layers=40, tensor_split=(10.0, 30.0))

    assert safer(shared, 2).tensor_split == (5.0, 15.0)


def test_an_embedder_keeps_its_context() -> None:
    embedder = LoadPlan(
        context=8192,
        cells=8192,
        gpu_layers=25,
        step_tokens=8192,
        micro_batch=8192,
        is_embedding=True,
    )

    for rung in range(6):
        found = safer(embedder, rung)
        assert (found.context, found.cells, found.step_tokens) == (8192, 8192, 8192)


def test_a_rung_remembered_from_a_gpu_means_the_last_one_without() -> None:
    assert safer(IN_RAM, 5) == safer(IN_RAM, 2)


@given(plan=plans, suspicion=suspicions)
def test_the_ladder_ends_and_every_rung_changes_something(
    plan: LoadPlan, suspicion: Suspicion
) -> None:
    tried = [safer(plan, rung) for rung in climb(plan, suspicion)]

    assert len(tried) <= 6
    assert all(one != other for one, other in itertools.pairwise(tried))


@given(plan=plans, rung=st.integers(0, 8))
def test_a_lower_rung_asks_for_no_more(plan: LoadPlan, rung: int) -> None:
    above, below = safer(plan, rung), safer(plan, rung + 1)

    layers = [one.gpu_layers if one.gpu_layers >= 0 else 10_000 for one in (above, below)]
    assert layers[1] <= layers[0]
    assert below.cells <= above.cells
    assert below.context <= above.context
    assert below.context <= below.cells
    assert below.step_tokens <= above.step_tokens
    assert below.use_extra_buffers <= above.use_extra_buffers


@pytest.mark.parametrize("rung", range(1, 6))
def test_every_rung_has_words_for_the_owner(rung: int) -> None:
    assert words(ON_GPU, rung)
