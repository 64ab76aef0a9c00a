"""Loading: facts are true, failures carry llama.cpp's own reason, progress is told."""

from pathlib import Path

import pytest

from app.engine.backend import LoadFailed
from app.engine.llama import library
from app.engine.llama.backend import LlamaBackend, load
from app.engine.llama.devices import list_devices
from app.engine.llama.model import failure
from app.wire.model import ModelSource
from tests.engine.llama.conftest import assert_same, compute, open_model, plan_of, words
from tests.gguf_made import GgufStore, LlamaOptions
from tests.gguf_made.llama import CHATML


def test_facts_are_those_of_the_file(llama: LlamaBackend) -> None:
    facts = llama.facts

    assert (facts.architecture, facts.layers, facts.embedding_length) == ("llama", 2, 128)
    assert (facts.vocabulary, facts.context_trained) == (640, 4096)
    assert 400_000 < facts.parameters < 500_000
    assert facts.size_bytes == pytest.approx(2 * facts.parameters, rel=0.01)
    assert facts.chat_template == CHATML
    assert facts.capabilities == ("completion", "chat", "infill")
    assert facts.can_trim
    assert facts.load_seconds > 0


def test_a_base_model_cannot_chat(gguf_store: GgufStore) -> None:
    backend = open_model(gguf_store.llama(LlamaOptions(layers=1, template=None)))

    assert backend.facts.capabilities == ("completion", "infill")
    assert backend.facts.chat_template == ""
    backend.close()


def test_the_plan_told_is_the_plan_carried_out(gguf_store: GgufStore) -> None:
    path = gguf_store.llama(LlamaOptions(layers=1))
    backend = open_model(path, cells=1000, context=2000, gpu_layers=-1, threads=0)

    done = backend.facts.plan
    assert done.cells == 1024  # llama.cpp rounds up to 256
    assert done.context == 1024  # no sequence can be longer than all cells
    assert done.threads >= 1
    has_gpu = any(device.kind == "gpu" for device in backend.facts.devices)
    assert done.gpu_layers == (2 if has_gpu else 0)
    backend.close()


def test_a_split_model_is_loaded_from_its_first_shard(gguf_store: GgufStore) -> None:
    whole = open_model(gguf_store.llama())
    split = open_model(gguf_store.llama(LlamaOptions(shard_tensors=8)))

    assert_same(compute(split, 0, words(20)), compute(whole, 0, words(20)))
    whole.close()
    split.close()


@pytest.mark.parametrize("cell_type", ["f32", "f16", "bf16", "q8_0", "q4_0"])
def test_cells_of_every_type_compute(gguf_store: GgufStore, cell_type: str) -> None:
    backend = open_model(
        gguf_store.llama(), key_type=cell_type, value_type=cell_type, flash_attention="on"
    )
    exact = open_model(gguf_store.llama(), key_type="f32", value_type="f32")

    found, expected = compute(backend, 0, words(40)), compute(exact, 0, words(40))

    assert float(abs(found - expected).mean()) < 0.4 * float(expected.std())
    backend.close()
    exact.close()


def test_every_weight_type_that_is_made_computes(gguf_store: GgufStore) -> None:
    for weights in ("F32", "F16", "BF16", "Q8_0", "Q4_0"):
        backend = open_model(gguf_store.llama(LlamaOptions(layers=1, weights=weights)))
        compute(backend, 0, words(10))
        backend.close()


def test_loading_tells_its_stages_in_order(gguf_store: GgufStore) -> None:
    told: list[tuple[str, float]] = []
    source = ModelSource(path=str(gguf_store.llama()), name="made")

    backend = load(source, plan_of(), lambda stage, fraction: told.append((stage, fraction)))

    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["library", "weights", "context", "warmup"]
    fractions = [fraction for stage, fraction in told if stage == "weights"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    backend.close()


# --- failures --------------------------------------------------------------------------------


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="no file"):
        open_model(tmp_path / "gone.gguf")


def test_a_truncated_file_fails_with_llama_cpps_reason(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    short = tmp_path / "short.gguf"
    short.write_bytes(gguf_store.llama().read_bytes()[:-100_000])

    with pytest.raises(LoadFailed, match="not within the file bounds") as failed:
        open_model(short)

    assert "Download" in failed.value.remedy


def test_a_file_that_is_no_gguf_fails_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "text.gguf"
    path.write_text("this is not a model" * 100)

    with pytest.raises(LoadFailed, match="magic"):
        open_model(path)


def test_an_unknown_architecture_asks_for_an_update(gguf_store: GgufStore, tmp_path: Path) -> None:
    path = tmp_path / "new.gguf"
    path.write_bytes(gguf_store.llama().read_bytes().replace(b"llama", b"xlama"))

    with pytest.raises(LoadFailed, match="unknown model architecture") as failed:
        open_model(path)

    assert "update" in failed.value.remedy


def test_a_reason_is_that_of_this_load_and_not_of_one_before(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    with pytest.raises(LoadFailed):
        open_model(tmp_path / "gone.gguf")
    short = tmp_path / "short.gguf"
    short.write_bytes(gguf_store.llama().read_bytes()[:5000])

    with pytest.raises(LoadFailed) as failed:
        open_model(short)

    assert "gone" not in failed.value.message


def test_an_unknown_cell_type_names_the_known_ones(gguf_store: GgufStore) -> None:
    with pytest.raises(LoadFailed, match="q3_x") as failed:
        open_model(gguf_store.llama(), key_type="q3_x")

    assert "q8_0" in failed.value.remedy


def test_quantised_values_without_flash_attention_fail_with_the_reason(
    gguf_store: GgufStore,
) -> None:
    with pytest.raises(LoadFailed, match=r"(?i)flash"):
        open_model(gguf_store.llama(), value_type="q8_0", flash_attention="off")


def test_a_lack_of_memory_is_named_before_what_follows_from_it() -> None:
    mark = library.tail.mark
    library.tail.add(4, "alloc_tensor_range: failed to allocate CUDA0 buffer of size 4294967296\n")
    library.tail.add(4, "llama_init_from_model: failed to initialize the context: no buffer\n")

    failed = failure("the context could not be made", mark)

    assert failed.message == (
        "the context could not be made: failed to allocate CUDA0 buffer of size 4294967296"
    )
    assert "smaller context" in failed.remedy


def test_after_a_failure_the_next_load_succeeds(gguf_store: GgufStore, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed):
        open_model(tmp_path / "gone.gguf")

    backend = open_model(gguf_store.llama())
    compute(backend, 0, words(5))
    backend.close()


# --- the library -------------------------------------------------------------------------------


def test_devices_have_names_and_memory() -> None:
    devices = list_devices()

    assert any(device.kind == "cpu" for device in devices)
    for device in devices:
        assert device.name
        assert device.description
        assert 0 <= device.memory_free <= device.memory_total


def test_the_version_names_llama_cpp_and_ggml() -> None:
    assert "llama.cpp" in library.version()
    assert "ggml" in library.version()


def test_a_line_that_comes_in_pieces_is_kept_whole() -> None:
    tail = library.LogTail()

    tail.add(4, "first ")
    tail.add(5, "half\n")
    mark = tail.mark
    tail.add(4, "second\n")
    tail.add(2, "....")
    tail.add(2, "chatter\n")

    assert tail.since(0, level=40) == ["first half", "second"]
    assert tail.since(mark) == ["second", "chatter"]
