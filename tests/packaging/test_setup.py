"""The set-up's record and its line of progress; what pip and compilers do is tried by hand."""

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[2] / "packaging" / "setup"
sys.path.insert(0, str(SETUP))

import install  # noqa: E402  # scripts beside each other, run before anything is installed
import progress  # noqa: E402

DONE = install.Setup(
    python="3.11", project="abc", engine="llama-cpp-python==1", cmake_args="", extras=("fast",)
)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_setup_serves_whoever_asks_for_no_more() -> None:
    everything = replace(DONE, extras=("fast", "test"))

    assert everything.covers(DONE)
    assert not DONE.covers(everything)


@pytest.mark.parametrize("field", ["python", "project", "engine", "cmake_args"])
def test_a_setup_of_other_facts_does_not_serve(field: str) -> None:
    assert not DONE.covers(replace(DONE, **{field: "other"}))


def test_a_changed_project_file_alone_does_not_compile_again() -> None:
    assert DONE.has_engine_of(replace(DONE, project="other", extras=("fast", "test")))


def test_unset_cmake_args_keep_the_build_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    built = replace(DONE, cmake_args="-DGGML_CUDA=on")
    monkeypatch.delenv("CMAKE_ARGS", raising=False)

    assert install.wanted_setup(["fast"], built).cmake_args == "-DGGML_CUDA=on"


def test_empty_cmake_args_ask_for_the_plain_build(monkeypatch: pytest.MonkeyPatch) -> None:
    built = replace(DONE, cmake_args="-DGGML_CUDA=on")
    monkeypatch.setenv("CMAKE_ARGS", "")

    assert install.wanted_setup(["fast"], built).cmake_args == ""


def test_what_is_wanted_names_the_pinned_engine_and_keeps_the_extras_there_are() -> None:
    wanted = install.wanted_setup(["test"], DONE)

    assert wanted.engine.startswith("llama-cpp-python==")
    assert wanted.extras == ("fast", "test")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  [57/193] /usr/bin/c++ -O3 -c x.cpp", "[ 57/193] compiling"),
        ("[ 29%] Building CXX object x.o", "[ 29%] compiling"),
        ("Collecting msgspec<1,>=0.20", "compiling: getting msgspec"),
        ("  Using cached numpy-2.0-x.whl (16 MB)", "compiling: taking numpy-2.0-x.whl"),
        ("  *** Configuring CMake...", "compiling: configuring"),
    ],
)
def test_a_line_of_pip_becomes_a_line_of_progress(line: str, shown: str) -> None:
    out = Terminal()

    progress.Progress("compiling", out).feed(line)

    assert shown in out.getvalue()


def test_a_line_that_says_nothing_new_is_not_shown() -> None:
    out = Terminal()
    bar = progress.Progress("compiling", out)

    bar.feed("[1/9] x")
    shown = out.getvalue()
    bar.feed("[1/9] x")
    bar.feed("warning: unused variable 'y' [-Wunused]")

    assert out.getvalue() == shown


def test_a_log_that_is_no_terminal_gets_few_lines_and_no_escapes() -> None:
    out = io.StringIO()
    bar = progress.Progress("compiling", out)

    for number in range(100):
        bar.feed(f"[{number}/100] x")
    bar.finish(is_done=True)

    assert out.getvalue().count("\n") == 2
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("CMake Error: No CMAKE_CXX_COMPILER could be found.", "build-essential"),
        ("-- Could NOT find CUDAToolkit (missing: CUDA_CUDART)\nCUDA Toolkit not found", "nvcc"),
        ("Could NOT find Vulkan (missing: Vulkan_LIBRARY glslc)", "libvulkan-dev"),
        ("g++: fatal error: Killed signal terminated program cc1plus", "PARALLEL_LEVEL=1"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: Could not find a version that satisfies the requirement x", "package index"),
    ],
)
def test_a_failure_that_is_known_comes_with_what_to_do(line: str, remedy: str) -> None:
    assert remedy in progress.remedy_for(["noise", line, "more noise"])


def test_a_failure_shows_the_lines_that_say_what_went_wrong() -> None:
    log = ["[1/9] g++ -O3", "x.cpp:5:1: error: 'y' was not declared", *["note: noise"] * 50]

    assert progress.telling(log) == ["x.cpp:5:1: error: 'y' was not declared"]


def test_a_failure_without_such_lines_shows_its_end() -> None:
    assert progress.telling(["first", *["noise"] * 50, "last"])[-1] == "last"


def test_a_failure_that_is_not_known_promises_nothing() -> None:
    assert progress.remedy_for(["error: expected ';'"]) == ""


def test_make_help_has_a_sentence_for_every_target_that_is_typed() -> None:
    makefile = (SETUP.parents[1] / "Makefile").read_text()
    typed = re.search(r"^\.PHONY: (.+)$", makefile.replace("\\\n", " "), re.MULTILINE)
    assert typed

    shown = subprocess.run(
        ["make", "help"], cwd=SETUP.parents[1], check=True, capture_output=True, text=True
    ).stdout

    assert re.findall(r"^  make ([a-z-]+) +\S.+$", shown, re.MULTILINE) == typed[1].split()


def test_the_set_up_says_what_is_missing_before_it_starts(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, SETUP / "install.py", "fast"],
        env={"PATH": str(tmp_path), "VENV": str(tmp_path / "venv"), "CMAKE_ARGS": "-DX=1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1
    assert "sudo apt install build-essential cmake" in answer.stderr
