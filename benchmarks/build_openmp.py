"""The bundle's llama.cpp twice: its module for this processor with OpenMP and without.

The module is compiled with the options of packaging/runtime/build.py, for the variant that the
engine takes of the bundle's on this machine; the two builds differ in GGML_OPENMP alone. They stay
in build/runtime/openmp, so it is two minutes of one core, once. All else is out of the bundle's
wheel, and OpenMP is nothing to it, so packaging/runtime/build.sh goes before.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec

from app.wire.runtime import PLAN_VARIABLE, BackendReport
from benchmarks.sdist import VERSION, llama_cpp_sources

ROOT: Final = Path(__file__).resolve().parent.parent
BUILDS: Final = ROOT / "build" / "runtime" / "openmp"
SECONDS_MAX: Final = 60
"""For listing modules."""
_LIBRARIES: Final = "llama_cpp/lib/"
"""Their place in a wheel."""
_ALIKE: Final = frozenset({"libllama.so", "libggml.so.0"})
"""Libraries that no OpenMP is in, whichever way they are built."""


class Refused(Exception):
    """What is missing or not as it should be, for a person."""


def word(has_openmp: bool) -> str:
    """The name of a side."""
    return "on" if has_openmp else "off"


def ensure_sites(folder: Path) -> tuple[str, dict[bool, Path]]:
    """The module's file name, and by OpenMP a folder that goes before the environment's llama_cpp.

    Raises: Refused, subprocess.CalledProcessError when CMake or the engine fails.
    """
    builder = _runtime_build()
    wheel = next(builder.WHEELS.glob(f"llama_cpp_python-{VERSION}-*.whl"), None)
    if wheel is None:
        raise Refused(f"no wheel of {VERSION} for the bundle: run packaging/runtime/build.sh first")
    module = _module_taken(wheel, folder / "whole")
    sites = {has_openmp: folder / word(has_openmp) for has_openmp in (False, True)}
    for has_openmp, site in sites.items():
        build = BUILDS / word(has_openmp)
        _compile(builder, build, has_openmp, module)
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                if not name.startswith(_LIBRARIES) or name.removeprefix(_LIBRARIES) in _ALIKE:
                    packed.extract(name, site)
        for name in ("libggml-base.so.0", module):
            shutil.copy2(build / "bin" / name, site / _LIBRARIES / name)
    return module, sites


def environment(site: Path) -> dict[str, str]:
    """An engine's, with the llama_cpp of `site`, and no word of the caller's about threads."""
    dropped = {PLAN_VARIABLE, "LLAMA_CPP_LIB_PATH"}
    kept = {
        name: text
        for name, text in os.environ.items()
        if name not in dropped and not name.startswith(("GOMP_", "OMP_"))
    }
    return {**kept, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}


def _runtime_build() -> ModuleType:
    """packaging/runtime/build.py, which is a script beside others and no package."""
    folder = ROOT / "packaging" / "runtime"
    sys.path.append(str(folder))
    found = importlib.util.spec_from_file_location("runtime_build", folder / "build.py")
    assert found is not None and found.loader is not None
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def _module_taken(wheel: Path, site: Path) -> str:
    """The file of the variant that the engine itself takes of those in the bundle."""
    with zipfile.ZipFile(wheel) as packed:
        # The GPU's would only be asked what it is called.
        packed.extractall(site, [name for name in packed.namelist() if "vulkan" not in name])
    done = subprocess.run(
        [sys.executable, "-m", "app", "engine", "--backends"],
        env=environment(site), cwd=ROOT, capture_output=True, check=True, timeout=SECONDS_MAX,
    )  # fmt: skip
    report = msgspec.json.decode(done.stdout, type=BackendReport)
    taken = [one.path for one in report.modules if one.is_loaded and one.backend == "cpu"]
    if not taken:
        raise Refused("the bundle's llama.cpp has no module for this processor")
    return Path(taken[0]).name


def _compile(builder: ModuleType, build: Path, has_openmp: bool, module: str) -> None:
    source = llama_cpp_sources().parents[1]
    openmp = f"-DGGML_OPENMP={word(has_openmp).upper()}"
    # CMake heeds the last of two, so this goes for both whatever the bundle has.
    builder.configure(source, build, [*builder.COMMON, "-DGGML_CPU_ALL_VARIANTS=ON", openmp])
    jobs = os.environ.get("JOBS") or "1"
    # One variant of fourteen: "ggml" would bring them all.
    targets = ["ggml-base", module.removeprefix("lib").removesuffix(".so")]
    told = build / "compile.log"  # ten thousand warnings that nobody here can mend
    with told.open("wb") as log:
        done = subprocess.run(
            ["nice", "-n", "19", "cmake", "--build", build, "--config", "Release",
             "--parallel", jobs, "--target", *targets],
            check=False, env=builder.environment(source), stdout=log, stderr=log,
        )  # fmt: skip
    if done.returncode:
        raise Refused(f"the module was not compiled: {told} says why")
