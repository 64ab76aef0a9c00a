"""What a folder of programs and libraries needs of the system it will run on.

Read from the files themselves by objdump, since nobody remembers to update a list: a library that
is neither in the folder nor known here fails the build instead of the user.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAGIC: Final = b"\x7fELF"
_NEEDED: Final = re.compile(r"^\s+NEEDED\s+(\S+)$", re.MULTILINE)
_VERSION: Final = re.compile(r"\s(GLIBC|GLIBCXX|GCC)_(\d+(?:\.\d+)+)$", re.MULTILINE)

_OF_GLIBC: Final = frozenset(
    "ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 libc.so.6 libdl.so.2 libm.so.6 libpthread.so.0 "
    "librt.so.1 libutil.so.1".split()
)
_PACKAGES: Final = {"libgcc_s.so.1": "libgcc-s1", "libstdc++.so.6": "libstdc++6"}
OPTIONAL: Final = {
    "libvulkan.so.1": "libvulkan1",  # only the module for Vulkan needs it, and may be missing
}
"""What a module of its own needs that is not loaded where it is missing, and who has it."""

_GCC_OF_GLIBCXX: Final = {
    (3, 4, 26): "9", (3, 4, 28): "9", (3, 4, 29): "11", (3, 4, 30): "12", (3, 4, 31): "13",
    (3, 4, 32): "13", (3, 4, 33): "14", (3, 4, 34): "15",
}  # fmt: skip
"""The GCC whose libstdc++ first had these symbols. Source: GCC's manual, ABI policy."""

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Of all files of a folder together."""

    libraries: frozenset[str]
    """Sonames that no file of the folder has."""
    versions: dict[str, Version]
    """The newest symbols: "GLIBC" -> (2, 36)."""

    @property
    def glibc(self) -> str:
        """The oldest glibc that it runs on, such as "2.36"."""
        return ".".join(str(each) for each in self.versions["GLIBC"])

    def packages(self) -> list[str]:
        """Debian's dependencies, sorted. Raises: ValueError for a library that nobody knows."""
        found = [f"libc6 (>= {self.glibc})"]
        for soname in sorted(self.libraries - _OF_GLIBC - OPTIONAL.keys()):
            if soname not in _PACKAGES:
                raise ValueError(f"{soname} is needed and is not in the bundle; see {__file__}")
            found.append(_PACKAGES[soname] + self._at_least(soname))
        return found

    def optional_packages(self) -> list[str]:
        """What it can use where it is there."""
        return sorted(OPTIONAL[each] for each in self.libraries & OPTIONAL.keys())

    def _at_least(self, soname: str) -> str:
        newest = self.versions.get("GLIBCXX")
        if soname != "libstdc++.so.6" or newest is None:
            return ""
        known = [version for version in _GCC_OF_GLIBCXX if version >= newest]
        if not known:
            raise ValueError(f"GLIBCXX {newest} is newer than the table in {__file__}")
        return f" (>= {_GCC_OF_GLIBCXX[min(known)]})"


def is_elf(file: Path) -> bool:
    """Whether the file is a program or library of Linux."""
    with file.open("rb") as content:
        return content.read(4) == _MAGIC


def linked_to(file: Path) -> frozenset[str]:
    """The sonames without which it does not load. Raises: CalledProcessError."""
    told = subprocess.run(["objdump", "-p", file], check=True, capture_output=True, text=True)
    return frozenset(_NEEDED.findall(told.stdout))


def needs_of(folder: Path) -> Needs:
    """What the files of the folder need that is not in it. Raises: CalledProcessError."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    told = "".join(
        subprocess.run(["objdump", "-p", file], check=True, capture_output=True, text=True).stdout
        for file in files
        if not file.is_symlink() and is_elf(file)
    )
    versions: dict[str, Version] = {}
    for family, number in _VERSION.findall(told):
        version = tuple(int(each) for each in number.split("."))
        versions[family] = max(versions.get(family, ()), version)
    inside = {file.name for file in files}
    return Needs(libraries=frozenset(_NEEDED.findall(told)) - inside, versions=versions)
