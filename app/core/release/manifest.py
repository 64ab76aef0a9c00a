"""Manifest: what latest.json says of the newest version, and which of its files is for whom."""

import re
from typing import Annotated, Final, NamedTuple, final

import msgspec
from msgspec import Meta

from app.core.release.envelope import Form, Statement

FILE_BYTES_MAX: Final = 4 * 1024**3
NOTES_CHARACTERS_MAX: Final = 4000

_VERSION: Final = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", re.ASCII)
_SYSTEMS: Final = {"linux": "linux", "win32": "windows", "darwin": "macos"}
_PROCESSORS: Final = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}

FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,150}$")]
"""A plain name beside the manifest: it cannot lead elsewhere, on a disk or on a network."""

VersionText = Annotated[str, Meta(pattern=r"^\d{1,6}\.\d{1,6}\.\d{1,6}$")]


class Version(NamedTuple):
    """Three numbers that compare as versions do."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def version_of(text: str) -> Version | None:
    """The version that a text names; None where it names none."""
    found = _VERSION.fullmatch(text)
    return Version(*(int(part) for part in found.groups())) if found else None


def system_of(platform: str, machine: str) -> str:
    """`linux-x86_64` of what Python calls the platform (`linux`) and the machine (`x86_64`)."""
    processor = machine.casefold()
    return f"{_SYSTEMS.get(platform, platform)}-{_PROCESSORS.get(processor, processor)}"


@final
class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version: an installer, a package or an archive."""

    system: str
    """As `system_of` names it."""
    kind: str
    """`archive` (.tar.zst), `deb`, `setup` (Windows), `dmg`; others are of a later version."""
    name: FileName
    """Of the file, which lies beside the manifest."""
    size_bytes: Annotated[int, Meta(gt=0, le=FILE_BYTES_MAX)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


@final
class Release(Statement, frozen=True, kw_only=True):
    """latest.json: the newest version."""

    version: VersionText
    builds: tuple[Build, ...]
    notes: Annotated[str, Meta(max_length=NOTES_CHARACTERS_MAX)] = ""
    """What changed, in plain text."""
    oldest: VersionText = "0.0.0"
    """The oldest version that this one can follow without a stop in between."""


RELEASE: Final = Form("release 1", Release)


def build_for(builds: tuple[Build, ...], *, system: str, kind: str) -> Build | None:
    """The file for this system that is of a kind which can be installed here; None if none is."""
    return next((b for b in builds if b.system == system and b.kind == kind), None)


def address_beside(address: str, name: str) -> str:
    """Where a file lies that is beside the one at `address`; a query there is not passed on."""
    return f"{address.partition('?')[0].rpartition('/')[0]}/{name}"
