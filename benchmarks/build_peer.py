"""The peer: llama-server, llama-bench and llama-batched-bench, of the very llama.cpp we run on.

They are built from the sources inside the pinned llama-cpp-python sdist, with the flags of its
wheel (Release, for this processor), so that every difference measured is ours. What needs the
network or does not serve is left out: no TLS, no web page, no tests. Takes about ten minutes of one
core and is kept in `.cache/llama-peer`.

    python -m benchmarks.build_peer
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from benchmarks.sdist import llama_cpp_sources

FOLDER: Final = Path(__file__).resolve().parent.parent / ".cache" / "llama-peer"
TARGETS: Final = ("llama-server", "llama-bench", "llama-batched-bench")
FLAGS: Final = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)
"""Besides these, CMAKE_ARGS of the environment counts, as it does for the wheel (CUDA, Vulkan)."""


@final
@dataclass(frozen=True, slots=True)
class PeerBinaries:
    """Paths of the programs."""

    server: Path
    bench: Path
    batched_bench: Path


def find_peer() -> PeerBinaries | None:
    """The programs where they are built, else None."""
    found = [FOLDER / "build" / "bin" / target for target in TARGETS]
    return PeerBinaries(*found) if all(path.exists() for path in found) else None


def ensure_peer() -> PeerBinaries:
    """The programs, built at the first call; the compiler's lines go to standard error.

    Raises: subprocess.CalledProcessError when CMake or the compiler fails.
    """
    if (found := find_peer()) is not None:
        return found
    build = FOLDER / "build"
    arguments = os.environ.get("CMAKE_ARGS", "").split()
    _run("cmake", "-S", str(llama_cpp_sources()), "-B", str(build), *FLAGS, *arguments)
    jobs = str(os.cpu_count() or 1)
    _run("cmake", "--build", str(build), "--parallel", jobs, "--target", *TARGETS)
    built = find_peer()
    assert built is not None, "the build succeeded without its programs"
    return built


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    print(ensure_peer())
