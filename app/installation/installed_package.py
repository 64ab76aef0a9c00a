"""InstalledPackage: the package of Athanor that dpkg has installed, made again from its files.

dpkg keeps no package that it has unpacked, and only a package leads back to a version. What it does
keep is enough to make one: the path and the sum of each file, the fields, the scripts. Each file is
compared with its sum while it is copied, so that what goes in is what once came out; links and
folders have no sums. No rights are needed, nothing is fetched, and dpkg-deb does the packing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
from app.settings.environment import for_other_programs

PACKAGE: Final = "athanor"

ASK_SECONDS_MAX: Final = 30.0

_DATABASE: Final = Path("var/lib/dpkg")
_OF_DPKG: Final = frozenset(
    {"status", "conffiles", "config-version", "triggers-pending", "triggers-awaited"}
)
"""Fields that dpkg adds to those of a package."""
_SCRIPTS: Final = frozenset({"preinst", "postinst", "prerm", "postrm", "config"})
_SUMS: Final = "md5sums"
_READ_BYTES: Final = 1 << 20


@final
class InstalledPackage:
    """What dpkg knows of it, asked once. `root` is where the system's own root lies."""

    def __init__(self, version: str, root: Path = Path("/")) -> None:
        """Raises: UpdateFailed where dpkg has not installed `version`, whole."""
        self._root = root
        self._fields = _fields(self._ask("--status", PACKAGE).decode("utf-8", "replace"))
        found = self._value("version")
        if not self._value("status").endswith(" ok installed"):
            raise UpdateFailed("the package manager has not finished its work on Athanor")
        if found != version and not found.startswith(f"{version}-"):
            raise UpdateFailed(f"Athanor {found} is installed by now, and {version} still runs")
        self._paths = self._listed()

    @property
    def file_name(self) -> str:
        """As a package of it is called."""
        return f"{PACKAGE}_{self._value('version')}_{self._value('architecture')}.deb"

    def size_bytes(self) -> int:
        """Of its files on the disk. Raises: OSError."""
        found = (self._root / path for path in self._paths)
        return sum(path.lstat().st_size for path in found if path.is_file())

    def lay_out(self, folder: Path) -> None:
        """`folder`, which is not there yet, is what dpkg-deb makes the package of.

        Raises: UpdateFailed where a file is not what was unpacked; OSError.
        """
        names = self._ask("--control-list", PACKAGE).decode().split()
        parts = {name: self._ask("--control-show", PACKAGE, name) for name in names}
        sums = _sums(os.fsdecode(parts.get(_SUMS, b"")))
        folders = {str(Path(path).parent) for path in self._paths}
        _make_folder(folder)
        for path in self._paths:
            if path in folders:
                # Also where the system has a link to a folder instead.
                _make_folder(folder / path)
            else:
                self._copy(path, folder / path, sums.get(path))
        _make_folder(folder / "DEBIAN")
        own = (text for name, text in self._fields.items() if name not in _OF_DPKG)
        _put(folder / "DEBIAN/control", "".join(own).encode())
        for name, content in parts.items():
            _put(folder / "DEBIAN" / name, content, mode=0o755 if name in _SCRIPTS else 0o644)

    def _copy(self, path: str, target: Path, expected: str | None) -> None:
        source = self._root / path
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_dir():
            _make_folder(target)
        elif not source.exists():
            # What has no sum was never unpacked: some systems have dpkg leave documents out.
            if expected is not None:
                raise UpdateFailed(f"the installed /{path} is gone")
        elif expected is None:
            raise UpdateFailed(f"the package manager has no sum of /{path}")
        elif _copied(source, target) != expected:
            raise UpdateFailed(f"the installed /{path} was changed")

    def _listed(self) -> list[str]:
        """The path of each file, from the root on, folders before what is in them."""
        lines = os.fsdecode(self._ask("--listfiles", PACKAGE)).splitlines()
        # Others than paths tell of diversions: there the sum says that it is another's file.
        return [line.lstrip("/") for line in lines if line.startswith("/") and line != "/."]

    def _value(self, name: str) -> str:
        return self._fields.get(name, "").partition(":")[2].strip()

    def _ask(self, *words: str) -> bytes:
        """What dpkg-query answers. Raises: UpdateFailed."""
        try:
            return subprocess.run(  # noqa: S603  # words of ours
                ["dpkg-query", f"--admindir={self._root / _DATABASE}", *words],  # noqa: S607
                env=environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=ASK_SECONDS_MAX,
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise UpdateFailed(
                f"dpkg-query says nothing of {PACKAGE} ({type(error).__name__})"
            ) from None


def packing(folder: Path, file: Path) -> tuple[str, ...]:
    """The command that makes the package `file` of what `lay_out` made; it takes seconds."""
    # zstd, which each dpkg reads on whose system the program runs, is a tenth larger than xz and
    # done in a tenth of its time.
    kind = ("-Zzstd", "-z9", "--root-owner-group")
    return ("nice", "-n", "19", "dpkg-deb", *kind, "--build", str(folder), str(file))


def environment() -> dict[str, str]:
    """For the system's own programs, whose words are not in its owner's language."""
    ours = for_other_programs(os.environ, is_frozen=bool(getattr(sys, "frozen", False)))
    return {**ours, "LC_ALL": "C"}


def _fields(told: str) -> dict[str, str]:
    """The text of each field, with all its lines, by its name in small letters."""
    fields: dict[str, str] = {}
    name = ""
    for line in told.rstrip().splitlines():
        if not line.startswith(" "):
            name = line.partition(":")[0].casefold()
        fields[name] = f"{fields.get(name, '')}{line}\n"
    return fields


def _sums(text: str) -> dict[str, str]:
    """The sum of each path."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines())
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _copied(source: Path, target: Path) -> str:
    """The sum of what was copied, which dpkg takes by MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with source.open("rb") as content, target.open("wb") as copy:
        while piece := content.read(_READ_BYTES):
            digest.update(piece)
            copy.write(piece)
    shutil.copystat(source, target)
    return digest.hexdigest()


def _make_folder(folder: Path) -> None:
    """As packages have them, whatever the owner's umask is."""
    folder.mkdir()
    folder.chmod(0o755)


def _put(file: Path, content: bytes, *, mode: int = 0o644) -> None:
    file.write_bytes(content)
    file.chmod(mode)
