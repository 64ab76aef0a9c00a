"""What models are computed on: the engine child, its backends, the GPUs and their drivers."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Final

import msgspec

from app.cli.doctor.finding import Finding, Findings
from app.core.models.plan import DeviceUse
from app.core.state.view import size
from app.server.hardware.devices import LIST_SECONDS_MAX
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.nvidia import open_watch

_VENDORS: Final = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
_LIBRARY: Final = re.compile(r"^(?:lib)?ggml-([a-z]+)\b.*\.(?:so|dylib|dll)")
_BACKENDS: Final = {
    "cuda": "CUDA",
    "hip": "HIP (ROCm)",
    "vulkan": "Vulkan",
    "metal": "Metal",
    "sycl": "SYCL",
    "opencl": "OpenCL",
    "musa": "MUSA",
    "cann": "CANN",
    "cpu": "CPU",
    "blas": "BLAS",
    "rpc": "RPC",
}
_REBUILD: Final = {
    "NVIDIA": 'Rebuild it with CUDA: CMAKE_ARGS="-DGGML_CUDA=on" make setup.',
    "AMD": 'Rebuild it with Vulkan: CMAKE_ARGS="-DGGML_VULKAN=on" make setup.',
    "Intel": 'Rebuild it with Vulkan: CMAKE_ARGS="-DGGML_VULKAN=on" make setup.',
}


def check_engine() -> Findings:
    """Whether the engine starts, what it was built for, and whether it sees the GPUs there are."""
    backends = _backends()
    yield Finding(
        about="backends",
        verdict="ok" if backends else "wrong",
        message="llama-cpp-python is built for " + ", ".join(backends)
        if backends
        else "llama-cpp-python is not installed, or has no compute backend",
        remedy="" if backends else "Install it again: `make setup`.",
    )
    try:
        devices = list_devices()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        yield Finding(
            about="engine",
            verdict="wrong",
            message=f"the engine does not start: {error}",
            remedy="Build llama-cpp-python again: `make setup`; update the graphics driver.",
        )
        return
    for device in devices:
        yield Finding(
            about="device",
            verdict="ok",
            message=f"{device.name} ({device.description}): {size(device.memory_free)} of "
            f"{size(device.memory_total)} free",
        )
    yield from _gpus(devices)


def list_devices() -> list[DeviceUse]:
    """The engine's own list. Raises: OSError, ValueError, SubprocessError."""
    program = EngineProgram.of_this()
    try:
        result = subprocess.run(  # noqa: S603  # our own program
            [*program.command, "--devices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIST_SECONDS_MAX,
            env=program.environment,
            cwd=program.folder,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"no answer within {LIST_SECONDS_MAX:g} s") from None
    if result.returncode:
        last = result.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ValueError(f"exit status {result.returncode}: {last}")
    return msgspec.json.decode(result.stdout, type=list[DeviceUse])


def _backends() -> list[str]:
    """The compute backends whose libraries lie beside llama-cpp-python; it is not imported."""
    specification = importlib.util.find_spec("llama_cpp")
    if specification is None or specification.origin is None:
        return []
    folder = Path(specification.origin).parent / "lib"
    names = os.listdir(folder) if folder.is_dir() else []
    found = {match[1] for name in names if (match := _LIBRARY.match(name))}
    return [words for name, words in _BACKENDS.items() if name in found]


def _gpus(devices: Sequence[DeviceUse]) -> Findings:
    watch = open_watch()
    try:
        driven = [sample.name for sample in watch.sample()]
    finally:
        watch.close()
    has_gpu = any(device.kind != "cpu" for device in devices)
    yield from judge_gpus(has_gpu=has_gpu, driven=driven, vendors=_vendors_on_bus())
    yield from _render_nodes()


def judge_gpus(*, has_gpu: bool, driven: Sequence[str], vendors: Set[str]) -> Findings:
    """Compares the GPUs of the machine with what the engine can use.

    `has_gpu`: the engine lists one. `driven`: those that NVIDIA's driver names. `vendors`: makers
    of the display controllers on the bus.
    """
    if driven:
        yield Finding(
            about="GPU",
            verdict="ok" if has_gpu else "wrong",
            message=f"{', '.join(driven)}, driver {_nvidia_driver()}"
            + ("" if has_gpu else "; the engine was built without it, so models run on the CPU"),
            remedy="" if has_gpu else _remedy("NVIDIA"),
        )
    elif "NVIDIA" in vendors:
        yield Finding(
            about="GPU",
            verdict="wrong",
            message="there is an NVIDIA GPU, but its driver does not answer",
            remedy="Install or update NVIDIA's driver, then restart the computer.",
        )
    elif vendors and not has_gpu:
        vendor = min(vendors)
        yield Finding(
            about="GPU",
            verdict="warning",
            message=f"there is a GPU of {vendor}, but the engine does not use it",
            remedy=_remedy(vendor),
        )
    elif not has_gpu:
        yield Finding(about="GPU", verdict="note", message="none; models run on the CPU")


def _remedy(vendor: str) -> str:
    if getattr(sys, "frozen", False):
        return "`athanor runtime list --look` says why, and which packs there are for it."
    return _REBUILD[vendor]


def _vendors_on_bus() -> set[str]:
    """Makers of the display controllers, as Linux lists them; empty elsewhere."""
    found = set()
    for file in Path("/sys/class/drm").glob("card*/device/vendor"):
        vendor = _VENDORS.get(file.read_text().strip())
        if vendor is not None:
            found.add(vendor)
    return found


def _nvidia_driver() -> str:
    file = Path("/sys/module/nvidia/version")
    return file.read_text().strip() if file.is_file() else "of unknown version"


def _render_nodes() -> Findings:
    """On Linux a user outside the group `render` sees no GPU, and no program tells them why."""
    if sys.platform != "linux":
        return
    closed = [
        str(node)
        for node in (*Path("/dev/dri").glob("renderD*"), *Path("/dev").glob("kfd"))
        if not os.access(node, os.R_OK | os.W_OK)
    ]
    if closed:
        yield Finding(
            about="GPU",
            verdict="warning",
            message=f"your user may not use {', '.join(sorted(closed))}",
            remedy="Join the group that owns it: sudo usermod -aG render,video $USER; then log in "
            "again.",
        )
