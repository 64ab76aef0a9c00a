"""Names of modules, and the order in which they are loaded."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.runtime.backends import ModuleName, backend_of, in_order, module_name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("libggml-cuda.so", ModuleName("cuda")),
        ("libggml-cpu-haswell.so", ModuleName("cpu", "haswell")),
        ("libggml-cpu.so", ModuleName("cpu")),
        ("ggml-vulkan.dll", ModuleName("vulkan")),
        ("ggml-cpu-x64.dll", ModuleName("cpu", "x64")),
        ("libggml-base.so", None),
        ("libggml-rpc.so", None),
        ("libggml.so", None),
        ("libggml-base.so.0", None),
        ("libggml-cuda.so.bak", None),
        ("libllama.so", None),
        ("libggml-CUDA.so", None),
    ],
)
def test_a_file_is_a_module_by_its_name_alone(file: str, name: ModuleName | None) -> None:
    assert module_name(file) == name


def test_a_vendors_own_comes_before_vulkan_and_the_processor_last() -> None:
    assert in_order(["cpu", "vulkan", "cuda"]) == ["cuda", "vulkan", "cpu"]


@given(st.lists(st.sampled_from(["cpu", "vulkan", "cuda", "novel", "musa"])), st.randoms())
def test_the_order_does_not_depend_on_how_modules_were_found(
    backends: list[str], chance: random.Random
) -> None:
    shuffled = [*backends]
    chance.shuffle(shuffled)

    ordered = in_order(shuffled)

    assert ordered == in_order(backends)
    assert "cpu" not in ordered[:-1]


def test_ggmls_names_are_those_of_the_files() -> None:
    assert [backend_of(name) for name in ("CUDA", "Vulkan", "CPU", "ROCm", "MTL")] == [
        "cuda",
        "vulkan",
        "cpu",
        "hip",
        "metal",
    ]
