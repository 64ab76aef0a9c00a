"""Laws of planning a load: what it takes, what is free, and what is given up after crashes."""

from pathlib import Path

from msgspec.structs import replace

from app.core.models.card import ModelCard
from app.core.models.wishes import Wishes
from app.core.state.node_state import Device
from app.server.models.gguf import read_header
from app.server.node.planning import choose, identity, without
from app.wire.model import ModelSource
from tests.gguf_made.store import GgufStore

GIB = 1024**3
CPU = Device(name="CPU", description="cpu", kind="cpu", memory_free=8 * GIB, memory_total=16 * GIB)
GPU = Device(name="CUDA0", description="RTX", kind="gpu", memory_free=GIB, memory_total=8 * GIB)


def card(store: GgufStore) -> ModelCard:
    return read_header(store.llama())


def source(card: ModelCard) -> ModelSource:
    return ModelSource(path=card.path, name="tiny")


def test_a_choice_counts_what_it_takes_and_what_is_free(gguf_store: GgufStore) -> None:
    model = card(gguf_store)

    choice = choose(source(model), model, [CPU], Wishes())

    assert choice.plan.gpu_layers == 0
    assert choice.footprint.device_bytes == 0
    assert choice.footprint.host_bytes == sum(choice.needs.values()) >= model.weight_bytes
    assert GIB < choice.free.host_bytes < CPU.memory_free
    assert choice.free.covers(choice.footprint)


def test_what_residents_hold_counts_as_free_once_they_are_gone(gguf_store: GgufStore) -> None:
    held = {"CUDA0": 4 * GIB, "CPU": 100 * GIB}

    cpu, gpu = without([CPU, GPU], [held, {"CUDA0": 2 * GIB}])

    assert gpu.memory_free == 7 * GIB
    assert cpu.memory_free == CPU.memory_total

    model = card(gguf_store)
    full = choose(source(model), model, [CPU, GPU], Wishes())
    free = choose(source(model), model, [cpu, gpu], Wishes())
    assert full.plan.gpu_layers == 0
    assert free.plan.gpu_layers > 0
    assert free.footprint.device_bytes > 0


def test_a_safer_rung_is_explained_to_the_owner(gguf_store: GgufStore) -> None:
    model = card(gguf_store)
    choice = choose(source(model), model, [CPU], Wishes())

    assert len(choice.explained(0)) == 1
    assert "crashed" in choice.explained(1)[-1]
    assert choice.on(0) == choice.plan
    assert choice.on(1).use_extra_buffers is False


def test_the_identity_of_a_model_is_its_content_and_not_its_place(gguf_store: GgufStore) -> None:
    model = card(gguf_store)

    assert identity(replace(model, path=str(Path("/elsewhere/x.gguf")))) == identity(model)
    assert identity(replace(model, weight_bytes=model.weight_bytes + 1)) != identity(model)
