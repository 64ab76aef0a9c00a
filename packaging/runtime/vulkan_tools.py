"""Vulkan's headers and shader compiler for the build, from Debian's next release where ours is old.

ggml's Vulkan module needs headers of 1.3.275 or later, and a `glslc` that knows cooperative
matrices makes far faster shaders. Debian 12 has neither. Its successor's packages are unpacked
beside, nothing is installed, and the compiler runs under its own C library; the module that comes
of it still needs no newer C library than ours.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HEADERS_MIN: Final = (1, 3, 275)
NEWER_RELEASE: Final = "trixie"
PACKAGES: Final = (
    "libvulkan-dev", "spirv-headers", "glslc", "libshaderc1", "libc6", "libstdc++6", "libgcc-s1",
)  # fmt: skip
_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Refused(Exception):
    """What is missing, for a person."""


def options(folder: Path) -> list[str]:
    """What CMake is told; fetches into `folder` where the system's headers are too old."""
    if os.environ.get("VULKAN_SDK"):
        return []
    found = headers_version(Path("/usr/include"))
    if found >= HEADERS_MIN and shutil.which("glslc"):
        return []
    root = folder / "apt" / "root"
    if not (root / "usr/bin/glslc").exists():
        _fetch(folder / "apt")
    include = root / "usr" / "include"
    if headers_version(include) < HEADERS_MIN:
        raise Refused(f"{include} holds no headers of Vulkan {'.'.join(map(str, HEADERS_MIN))}")
    spirv = next(root.rglob("SPIRV-HeadersConfig.cmake")).parent
    return [
        f"-DVulkan_INCLUDE_DIR={include}",
        f"-DVulkan_GLSLC_EXECUTABLE={_compiler(folder, root)}",
        f"-DSPIRV-Headers_DIR={spirv}",
    ]


def headers_version(include: Path) -> tuple[int, ...]:
    """The version in vulkan_core.h; () where there is none."""
    try:
        text = (include / "vulkan" / "vulkan_core.h").read_text("utf-8")
    except OSError:
        return ()
    patch = re.search(r"#define VK_HEADER_VERSION (\d+)", text)
    parts = re.search(r"VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION\(0, (\d+), (\d+)", text)
    return (int(parts[1]), int(parts[2]), int(patch[1])) if patch and parts else ()


def _compiler(folder: Path, root: Path) -> Path:
    """A script that runs the newer compiler with the C library that it was made for."""
    loader = next((root / "usr").glob("lib*/ld-linux*.so*"))
    libraries = next(root.rglob("libshaderc.so.1")).parent
    script = folder / "glslc"
    text = f'#!/bin/sh\nexec "{loader}" --library-path "{libraries}" "{root}/usr/bin/glslc" "$@"\n'
    if not script.exists() or script.read_text() != text:
        # Not otherwise: every shader depends on it.
        script.write_text(text)
        script.chmod(0o755)
    return script


def _fetch(folder: Path) -> None:
    """Downloads and unpacks `PACKAGES` from where this system gets its own. Raises: Refused."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Refused(
            "Vulkan's headers are missing or older than 1.3.275: install Vulkan's SDK and set "
            "VULKAN_SDK"
        )
    for name in ("lists/partial", "cache/archives/partial", "debs", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(
        f"deb [signed-by={_KEYRING}] {_mirror()} {NEWER_RELEASE} main\n"
    )
    apt = [
        "apt-get",
        *_setting("Dir::Etc::SourceList", folder / "sources.list"),
        *_setting("Dir::Etc::SourceParts", "/dev/null"),
        *_setting("Dir::State::Lists", folder / "lists"),
        *_setting("Dir::State::Status", "/dev/null"),
        *_setting("Dir::Cache", folder / "cache"),
        *_setting("Acquire::Languages", "none"),
        *_setting("APT::Sandbox::User", ""),
    ]
    subprocess.run([*apt, "update", "-q"], check=True)
    subprocess.run([*apt, "download", "-q", *PACKAGES], cwd=folder / "debs", check=True)
    for package in (folder / "debs").glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)


def _setting(name: str, value: object) -> Sequence[str]:
    return "-o", f"{name}={value}"


def _mirror() -> str:
    """Where this system gets Debian's packages from."""
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in told.splitlines():
        origin, _, address = line.partition(" ")
        if origin == "Debian" and "security" not in address:
            return address
    raise Refused("apt knows no mirror of Debian: run `apt-get update`, or set VULKAN_SDK")
