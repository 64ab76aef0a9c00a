"""llama.cpp is built with the commit of its own source, or with none; never with this project's."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tidy.source import ROOT

ASKS_GIT = """
cmake_minimum_required(VERSION 3.16)
project(asks NONE)
execute_process(COMMAND git rev-parse HEAD WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    OUTPUT_VARIABLE told ERROR_QUIET)
file(WRITE "${CMAKE_BINARY_DIR}/told" "${told}")
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("cmake")), reason="needs git and cmake"
)


def _builder(monkeypatch: pytest.MonkeyPatch):
    """packaging/runtime/build.py, whose name the bundle's own script has too."""
    folder = ROOT / "packaging" / "runtime"
    monkeypatch.syspath_prepend(str(folder))
    found = importlib.util.spec_from_file_location("runtime_build", folder / "build.py")
    assert found is not None and found.loader is not None
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def _repository(folder: Path) -> str:
    """A repository with one commit, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", folder.name], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return told.stdout.strip()


@pytest.mark.parametrize("has_own", [False, True])
def test_the_source_is_not_taken_for_the_project_in_whose_folder_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_own: bool
) -> None:
    _repository(tmp_path / "project")
    source = tmp_path / "project" / "build" / "sdist" / "llama"
    own = _repository(source) if has_own else ""
    inside = source / "vendor" / "llama.cpp"
    inside.mkdir(parents=True)
    (inside / "CMakeLists.txt").write_text(ASKS_GIT)
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(whole NONE)\n"
        "add_subdirectory(vendor/llama.cpp)\n"
    )

    _builder(monkeypatch).configure(source, tmp_path / "made", [])

    assert (tmp_path / "made" / "told").read_text().strip() == own
