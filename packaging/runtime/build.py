"""Compile llama.cpp with its back ends as modules: `packaging/runtime/build.sh [inside|cuda13]`.

`inside` makes build/runtime/wheel/llama_cpp_python-*.whl of the pinned source: libllama, ggml,
every variant of the processor and Vulkan, each library once. `make bundle` installs it. `cuda13`
compiles the CUDA module alone, for the same llama.cpp, into build/runtime/cuda13 (pack.py makes the
pack of it). It needs nvcc 13; what else the toolkit lacks is fetched (cuda_libraries.py). Linux was
built, two hours on one core; nothing of it has run on a GPU yet, and Windows was not built.

What was compiled is kept: a second run compiles what has changed. `JOBS` says how many at a time.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cuda_architectures
import cuda_libraries
import vulkan_tools
import wheel_with_libraries

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "runtime"
WHEELS: Final = FOLDER / "wheel"
ENGINE: Final = "llama-cpp-python"

COMMON: Final = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_NATIVE=OFF",
    # Beside a busy core prompts are read faster with it, and answers slower (docs/adr/0030).
    "-DGGML_OPENMP=ON",
    # Computes for whoever can connect.
    "-DGGML_RPC=OFF",
    "-DLLAVA_BUILD=OFF",
)
INSIDE: Final = (*COMMON, "-DGGML_CPU_ALL_VARIANTS=ON", "-DGGML_VULKAN=ON")

CUDA_MAJOR: Final = 13
CUDA: Final = (
    *COMMON,
    "-DGGML_CPU_ALL_VARIANTS=ON",
    "-DGGML_CUDA=ON",
    # Several machines at once; no home PC has it.
    "-DGGML_CUDA_NCCL=OFF",
    f"-DCMAKE_CUDA_ARCHITECTURES={cuda_architectures.ARCHITECTURES}",
)


class Refused(Exception):
    """What is missing, for a person."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["inside", "cuda13"], default="inside")
    what = parser.parse_args().what
    try:
        done = build_inside() if what == "inside" else build_cuda()
    except (Refused, vulkan_tools.Refused) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"error: {error.cmd[0]} ended with {error.returncode}", file=sys.stderr)
        return 1
    print(f"{done}: {done.stat().st_size / 1e6:.1f} MB")
    return 0


def build_inside() -> Path:
    """The wheel for the bundle. Raises: Refused, CalledProcessError."""
    _need("cmake", "ninja", *(() if os.name == "nt" else ("c++",)))
    source = _source()
    build = FOLDER / "cmake"
    configure(source, build, [*INSIDE, *vulkan_tools.options(FOLDER)])
    _compile(source, build, ["llama", "ggml"])
    libraries = collected(build / "bin")
    missing = {"vulkan", "cpu", "llama"} - {_kind(name) for name in libraries}
    if missing:
        raise Refused(f"the build made no {', '.join(sorted(missing))}")
    plain = _plain_wheel(source)
    WHEELS.mkdir(parents=True, exist_ok=True)
    wheel = wheel_with_libraries.put_in(plain, libraries, WHEELS)
    for name, file in libraries.items():
        print(f"  {file.stat().st_size / 1e6:6.2f} MB  {name}")
    return wheel


def build_cuda() -> Path:
    """The CUDA module. Raises: Refused, CalledProcessError."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        raise Refused(
            f"there is no nvcc: install NVIDIA's CUDA {CUDA_MAJOR} toolkit and put its bin folder "
            "on PATH. Nothing was built."
        )
    told = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    if f"release {CUDA_MAJOR}." not in told:
        raise Refused(f"{nvcc} is not of CUDA {CUDA_MAJOR}: {told.strip().splitlines()[-1]}")
    release = told.split("release ")[1].split(",")[0]
    toolkit = Path(nvcc).resolve().parents[1]
    source, build = _source(), FOLDER / "cmake-cuda13"
    configure(source, build, [*CUDA, *cuda_libraries.options(toolkit, release, FOLDER)])
    _compile(source, build, ["ggml-cuda"])
    name = "ggml-cuda.dll" if os.name == "nt" else "libggml-cuda.so"
    target = FOLDER / "cuda13" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(build / "bin" / name, target)
    _without_path(target)
    return target


def collected(folder: Path) -> dict[str, Path]:
    """The libraries of a build under the names by which they are opened, each once.

    libllama by its plain name, which the binding opens; those that it is linked to by their version
    names, which the system's linker asks for; modules by theirs.
    """
    found = {}
    for file in sorted(folder.iterdir()):
        name = file.name
        if name.startswith("libllama-common") or name.startswith("llama-common"):
            continue
        is_library = (
            name == "libllama.so"
            or name in {"libggml.so.0", "libggml-base.so.0"}
            or (name.startswith("libggml-") and name.endswith(".so") and name != "libggml-base.so")
            or (name.endswith(".dll") and name.startswith(("llama", "ggml")))
        )
        if is_library:
            found[name] = file.resolve()
            if "cpu" in name or "vulkan" in name:
                _without_path(file.resolve())
    return found


def _kind(name: str) -> str:
    return next((kind for kind in ("vulkan", "cpu", "llama") if kind in name), name)


def _need(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise Refused(f"these are missing: {', '.join(missing)}")


def _pinned() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = next(line for line in project["dependencies"] if line.startswith(ENGINE))
    return str(found)


def _source() -> Path:
    """The unpacked source of the pinned version."""
    version = _pinned().partition("==")[2]
    folder = FOLDER / "sdist"
    unpacked = folder / f"llama_cpp_python-{version}"
    if not unpacked.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary",
             ENGINE, "--dest", folder, _pinned()],
            check=True,
        )  # fmt: skip
        archive = folder / f"llama_cpp_python-{version}.tar.gz"
        shutil.unpack_archive(archive, folder, filter="data")
    inside = unpacked / "vendor" / "llama.cpp"
    if shutil.which("git") and (inside / ".git").exists():
        # It comes with its repository, to which every file that was just unpacked looks changed.
        refresh = ["git", "-C", inside, "update-index", "-q", "--refresh"]
        subprocess.run(refresh, check=False, env=environment(unpacked))
    return unpacked


def environment(source: Path) -> dict[str, str]:
    """What the build of a source is told.

    llama.cpp's CMake asks git for its commit. A source without a repository of its own would be
    told that of this project, in whose folder it lies: git looks no further up than the source.
    """
    return {**os.environ, "GIT_CEILING_DIRECTORIES": str(source.resolve().parent)}


def configure(source: Path, build: Path, options: Sequence[str]) -> None:
    """CMake's first step. Raises: CalledProcessError."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    command = ["cmake", "-S", source, "-B", build, *generator, *options]
    subprocess.run(command, check=True, env=environment(source))


def _compile(source: Path, build: Path, targets: Sequence[str]) -> None:
    jobs = os.environ.get("JOBS") or str(os.cpu_count() or 1)
    subprocess.run(
        ["cmake", "--build", build, "--config", "Release", "--parallel", jobs,
         "--target", *targets],
        check=True,
        env=environment(source),
    )  # fmt: skip


def _plain_wheel(source: Path) -> Path:
    """The binding without any library: its Python alone."""
    folder = FOLDER / "plain"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-cache-dir",
         "-C", "cmake.define.LLAMA_BUILD=OFF", "-C", "cmake.define.LLAVA_BUILD=OFF",
         "--wheel-dir", folder, source],
        check=True,
        env=environment(source),
    )  # fmt: skip
    return next(folder.glob("*.whl"))


def _without_path(module: Path) -> None:
    """A module names no folder of the builder's: what it needs is in memory when it is opened."""
    if platform.system() == "Linux":
        script = FOLDER / "rpath.cmake"
        script.write_text(f'file(RPATH_REMOVE FILE "{module}")\n', "utf-8")
        subprocess.run(["cmake", "-P", script], check=True)


if __name__ == "__main__":
    sys.exit(main())
