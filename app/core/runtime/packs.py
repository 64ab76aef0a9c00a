"""Packs: back ends that are not in the program, as the publisher's signed manifest names them.

A module fits only the llama.cpp that it was compiled with (ggml checks a number that hardly ever
changes), so a pack names the build it was made for and is no pack for any other. Each version has
a folder of its own, and the folder's name says which.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final, final

import msgspec
from msgspec import Meta

from app.core.release.envelope import Form, Statement

FILE_BYTES_MAX: Final = 8 * 1024**3
FILES_MAX: Final = 64

PackName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]{0,31}$")]
PlainName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,150}$")]
"""A name in a folder: it cannot lead out of it."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
ByteCount = Annotated[int, Meta(gt=0, le=FILE_BYTES_MAX)]

_NUMBER: Final = re.compile(r"\d+")


@final
class PackFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an installed pack."""

    name: PlainName
    member: str
    """Its path within the archive."""
    size_bytes: ByteCount
    sha256: Sha256


@final
class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """One .zip (a wheel is one too) of which files are taken."""

    name: PlainName
    """What it is called on the way."""
    address: str = ""
    """Where it lies; "" is beside the manifest, under its name."""
    size_bytes: ByteCount
    sha256: Sha256
    files: Annotated[tuple[PackFile, ...], Meta(min_length=1, max_length=FILES_MAX)]


@final
class Licence(msgspec.Struct, frozen=True, kw_only=True):
    """Terms that the owner should see before the download."""

    of: str
    """Of what: "NVIDIA cuBLAS"."""
    name: str
    address: str
    """Where it can be read."""


@final
class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine must have."""

    nvidia_driver_min: str = ""
    """"580.65" and later; "" needs none."""
    compute_capabilities: tuple[str, ...] = ()
    """"8.6": for these it has code, which later GPUs of the same generation run too."""
    compiled_by_driver: tuple[str, ...] = ()
    """For these it has code that the driver compiles anew, for any later GPU, at its first use."""


@final
class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one pack for one system."""

    name: PackName
    version: Annotated[str, Meta(pattern=r"^\d{1,6}(\.\d{1,6}){0,3}$")]
    title: str
    """"NVIDIA CUDA 13"."""
    backend: Annotated[str, Meta(pattern=r"^[a-z0-9]{1,16}$")]
    system: str
    """As core/release/manifest.system_of names it."""
    build: str
    """Of llama.cpp, as `BackendReport.build` says it."""
    archives: Annotated[tuple[Archive, ...], Meta(min_length=1, max_length=8)]
    preload: tuple[PlainName, ...] = ()
    """Libraries that the module needs, in the order in which they are opened before it."""
    needs: Needs = Needs()
    licences: tuple[Licence, ...] = ()

    @property
    def id(self) -> str:
        """Name and version; the name of its folder."""
        return f"{self.name}-{self.version}"

    @property
    def download_bytes(self) -> int:
        """Of all archives."""
        return sum(archive.size_bytes for archive in self.archives)

    @property
    def installed_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for archive in self.archives for file in archive.files)


@final
class PacksManifest(Statement, frozen=True, kw_only=True):
    """runtime-packs.json: every pack that can be had."""

    packs: tuple[Pack, ...]


PACKS: Final = Form("runtime packs 1", PacksManifest)


@final
class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of the machine."""

    system: str
    build: str
    nvidia_driver: str = ""
    """"" where NVIDIA's driver does not answer."""
    compute_capabilities: tuple[str, ...] = ()
    """Of NVIDIA's GPUs, in PCI order."""
    nvidia_cards: tuple[str, ...] = ()
    """Their names, in the same order."""


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that compare: "580.65.06" is (580, 65, 6)."""
    return tuple(int(found) for found in _NUMBER.findall(version))


def why_not(pack: Pack, hardware: Hardware) -> str:
    """Why the pack is of no use on this machine, in a sentence's end; "" where it is."""
    if pack.system != hardware.system:
        return f"it is made for {pack.system}"
    if pack.build != hardware.build:
        return f"it is made for another version of Athanor (llama.cpp {pack.build})"
    needs = pack.needs
    if needs.nvidia_driver_min or needs.compute_capabilities:
        if not hardware.nvidia_driver:
            return "no NVIDIA driver answers"
        if numbers(hardware.nvidia_driver) < numbers(needs.nvidia_driver_min):
            return (
                f"it needs NVIDIA's driver {needs.nvidia_driver_min} or later; "
                f"{hardware.nvidia_driver} is installed"
            )
    return _why_no_card(needs, hardware.compute_capabilities)


def _why_no_card(needs: Needs, found: tuple[str, ...]) -> str:
    """Why it serves none of the GPUs, in a sentence's end; "" where it serves one."""
    listed = {*needs.compute_capabilities, *needs.compiled_by_driver}
    if not listed or any(serves(needs, each) for each in found):
        return ""
    if not found:
        return "NVIDIA's driver tells of no GPU"
    words = f"compute capability {', '.join(found)}"
    if max(numbers(each) for each in found) < min(numbers(each) for each in listed):
        return f"the GPU is too old for it ({words})"
    return f"it has no code for the GPU ({words})"


def serves(needs: Needs, compute_capability: str) -> bool:
    """Whether a pack that names cards runs on this one.

    Compiled code runs on later cards of its generation; PTX is compiled for all that are later.
    Source: CUDA's programming guide, application compatibility.
    """
    mine = numbers(compute_capability)
    return any(
        each[:1] == mine[:1] and each <= mine for each in map(numbers, needs.compute_capabilities)
    ) or any(each <= mine for each in map(numbers, needs.compiled_by_driver))


def newest(packs: Iterable[Pack], hardware: Hardware) -> dict[str, Pack]:
    """By name, the newest pack of each that fits this system and build."""
    found: dict[str, Pack] = {}
    for pack in packs:
        if (pack.system, pack.build) != (hardware.system, hardware.build):
            continue
        known = found.get(pack.name)
        if known is None or numbers(pack.version) > numbers(known.version):
            found[pack.name] = pack
    return found
