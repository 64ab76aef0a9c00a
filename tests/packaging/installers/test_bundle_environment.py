"""When the environment that a bundle is collected from is made anew."""

from pathlib import Path

import pytest

from tests.packaging.installers.support import PACKAGING

import environment  # isort: skip  # a script of packaging/bundle, which support.py makes known

DEPENDENCIES = ["llama-cpp-python==1", "numpy>=2"]


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMAKE_ARGS", raising=False)
    monkeypatch.delenv(environment.ENGINE_VARIABLE, raising=False)


def test_the_same_wishes_are_the_same_environment() -> None:
    assert environment._wanted(DEPENDENCIES) == environment._wanted(list(DEPENDENCIES))


def test_another_dependency_is_another_environment() -> None:
    assert environment._wanted(DEPENDENCIES) != environment._wanted([*DEPENDENCIES, "click>=8"])


def test_other_options_of_the_compiler_are_another_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = environment._wanted(DEPENDENCIES)
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=ON")

    assert environment._wanted(DEPENDENCIES) != before


def test_a_wheel_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "llama_cpp_python-1-py3-none-any.whl"
    monkeypatch.setenv(environment.ENGINE_VARIABLE, str(wheel))
    wanted = []
    for content in (b"one", b"two", b"one"):
        wheel.write_bytes(content)
        wanted.append(environment._wanted(DEPENDENCIES))

    assert wanted[0] == wanted[2] != wanted[1]


def test_the_build_of_the_back_ends_that_it_calls_is_there() -> None:
    assert (PACKAGING / "runtime" / "build.py").is_file()
