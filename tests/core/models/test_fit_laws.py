"""Properties of the fit: memory is never exceeded, wishes are kept, more memory is never worse."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import ModelDoesNotFit
from app.core.models.card import ModelCard
from app.core.models.fit import Fit, plan_load
from app.core.models.plan import DeviceUse
from app.core.models.wishes import Wishes
from tests.core.models.cards import GIB, MIB, card, cpu, gpu

memory = st.integers(0, 96 * 1024).map(lambda count: count * MIB)
models = st.builds(
    card,
    layers=st.integers(1, 48),
    layer_bytes=st.integers(1, 700).map(lambda count: count * MIB),
    heads_kv=st.sampled_from([1, 4, 8, 32]),
    vocabulary=st.sampled_from([32_000, 151_936]),
    context=st.sampled_from([128, 2048, 8192, 40_960, 131_072]),
    end_bytes=st.integers(1, 600).map(lambda count: count * MIB),
    state=st.sampled_from([0, 0, 600_000]),
    attending=st.booleans(),
)
wishes = st.builds(
    Wishes,
    context=st.sampled_from([0, 0, 100, 4096, 32_768]),
    sequences=st.sampled_from([1, 4, 16]),
    gpu_layers=st.sampled_from([-1, -1, 0, 5, 99]),
    value_type=st.sampled_from(["f16", "q8_0"]),
    memory_margin_bytes=st.sampled_from([0, GIB]),
)
machines = st.tuples(memory, st.lists(memory, max_size=3))


def devices_of(ram: int, cards: Sequence[int]) -> list[DeviceUse]:
    gpus = [gpu(free, name=f"CUDA{index}") for index, free in enumerate(cards)]
    return [cpu(ram, 96 * GIB), *gpus]


def attempt(model: ModelCard, devices: Sequence[DeviceUse], asked: Wishes) -> Fit | None:
    try:
        return plan_load(model, devices, asked)
    except ModelDoesNotFit:
        return None


@given(model=models, machine=machines, asked=wishes)
def test_a_plan_never_takes_more_than_may_be_used(
    model: ModelCard, machine: tuple[int, list[int]], asked: Wishes
) -> None:
    found = attempt(model, devices_of(*machine), asked)

    if found is None:
        return
    for need, free in zip(found.needs, (machine[0], *machine[1]), strict=True):
        assert need.total <= need.limit <= max(0, free - asked.memory_margin_bytes)
    assert sum(need.layers for need in found.needs) == found.layers
    weights = sum(need.weights for need in found.needs)
    assert model.weight_bytes <= weights <= model.weight_bytes + model.tied_bytes


@given(model=models, machine=machines, asked=wishes)
def test_a_plan_honours_its_wishes_and_agrees_with_itself(
    model: ModelCard, machine: tuple[int, list[int]], asked: Wishes
) -> None:
    found = attempt(model, devices_of(*machine), asked)

    if found is None:
        return
    plan = found.plan
    assert 0 < plan.context <= plan.cells
    assert plan.context <= model.context_trained
    assert plan.sequences == asked.sequences < plan.slots <= 256
    assert plan.micro_batch <= plan.step_tokens
    assert 0 <= plan.gpu_layers <= found.layers
    assert plan.parked_bytes_max >= 0
    if asked.context:
        assert plan.context == min(asked.context, model.context_trained)
    if asked.gpu_layers >= 0 and machine[1]:
        assert plan.gpu_layers == min(asked.gpu_layers, found.layers)
    if len(machine[1]) > 1 and plan.gpu_layers:
        assert sum(plan.tensor_split) == plan.gpu_layers


@given(
    model=models,
    machine=machines,
    asked=wishes,
    which=st.integers(0, 3),
    more=st.integers(1, 8192).map(lambda count: count * MIB),
)
def test_more_memory_never_gives_less(
    model: ModelCard, machine: tuple[int, list[int]], asked: Wishes, which: int, more: int
) -> None:
    ram, cards = machine
    richer = [free + more * (which == index + 1) for index, free in enumerate(cards)]
    before = attempt(model, devices_of(ram, cards), asked)
    after = attempt(model, devices_of(ram + more * (which == 0), richer), asked)

    if before is None:
        return
    assert after is not None
    assert after.plan.context >= before.plan.context
    if after.plan.context == before.plan.context:
        assert after.plan.gpu_layers >= before.plan.gpu_layers


@given(model=models, ram=memory, free=memory)
def test_a_longer_context_never_leaves_more_layers_on_the_gpu(
    model: ModelCard, ram: int, free: int
) -> None:
    short = attempt(model, devices_of(ram, [free]), Wishes(context=2048))
    long = attempt(model, devices_of(ram, [free]), Wishes(context=16_384))

    if long is not None:
        assert short is not None
        assert short.plan.gpu_layers >= long.plan.gpu_layers
