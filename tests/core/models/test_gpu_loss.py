"""Laws of the roll of GPUs: who is gone is told, and nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.models.gpu_loss import falls_to_cpu, gone
from app.core.models.plan import LoadPlan
from app.core.state.node_state import Device


def device(description: str, kind: str = "gpu") -> Device:
    return Device(
        name="n",
        description=description,
        kind=kind,  # type: ignore[arg-type]
        memory_free=1,
        memory_total=8,
    )


DEVICES = st.lists(
    st.builds(device, st.sampled_from(["RTX", "RX"]), st.sampled_from(["gpu", "igpu", "cpu"]))
)


@given(DEVICES, DEVICES)
def test_every_gpu_is_there_or_gone(seen: list[Device], now: list[Device]) -> None:
    lost = gone(seen, now)

    gpus = [each.description for each in seen if each.kind != "cpu"]
    here = [each.description for each in now if each.kind != "cpu"]
    for name in ("RTX", "RX"):
        missing = sum(each.description == name for each in lost)
        assert missing == max(0, gpus.count(name) - here.count(name))


@given(DEVICES)
def test_nothing_is_gone_that_is_still_listed(seen: list[Device]) -> None:
    assert gone(seen, seen) == []


def test_what_is_gone_comes_back_empty() -> None:
    (lost,) = gone([device("RTX"), device("CPU", "cpu")], [])

    assert (lost.description, lost.memory_free) == ("RTX", 8)


def test_a_plan_falls_to_the_processor_only_if_it_would_have_had_a_gpu() -> None:
    on_gpu = LoadPlan(context=1, cells=1, gpu_layers=4)
    on_cpu = LoadPlan(context=1, cells=1, gpu_layers=0)

    assert falls_to_cpu(on_cpu, on_gpu)
    assert not falls_to_cpu(on_cpu, on_cpu)
    assert not falls_to_cpu(on_gpu, on_gpu)
