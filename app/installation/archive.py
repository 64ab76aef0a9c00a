"""ArchivePlace: versions side by side in folders, and a link to the one that counts (Linux).

What was unpacked as `athanor/` becomes `athanor-0.1.0/` at the first update, and `athanor` a link:
its path, which stands in menus and units, leads to the newest version from then on. The exchange
is one system call, so that no moment is without it.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
from app.installation.unpack import unpack
from app.settings.environment import for_other_programs
from app.settings.program import VERSIONED, Program

PROBE_SECONDS_MAX: Final = 120.0
"""A first start from a slow disk, beside a virus scanner."""

HANDOVER: Final = "handover"
"""The first word by which the process is started that hands over (handover.py)."""

_RENAME_EXCHANGE: Final = 2
_AT_FDCWD: Final = -100


@final
class ArchivePlace:
    """The folder of this program, among its other versions."""

    kind = "archive"

    def __init__(self, program: Program, *, running: str) -> None:
        self._program = program
        self._running = running
        self.link = program.link
        """The path that lasts."""

    @property
    def hindrance(self) -> str:
        """See Place."""
        parent = self.link.parent
        if os.access(parent, os.W_OK | os.X_OK):
            return ""
        return (
            f"You may not write {parent}, beside which a new version would lie: ask who manages "
            "this computer, or unpack the archive where you may."
        )

    def command(self, file: Path, *, is_back: bool = False) -> str:
        """See Place."""
        del file, is_back
        return ""

    def stage(self, file: Path, version: str) -> None:
        """Unpacks it beside, and sees that it starts at all on this machine."""
        folder = self.folder_of(version)
        try:
            unpack(file, folder)
            self._probe(folder, version)
        except (UpdateFailed, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def take_over(self, file: Path | None, version: str, arguments: Sequence[str]) -> int:
        """Goes on in this very process as the one that hands over, and never returns.

        It runs the files of the running version by the path they have from now on.
        """
        del file
        if not (self.folder_of(version) / self._program.file.name).exists():
            raise UpdateFailed(f"there is no Athanor {version} in {self.link.parent}")
        program = self._settled() / self._program.file.name
        environment = for_other_programs(os.environ, is_frozen=bool(getattr(sys, "frozen", False)))
        os.execve(program, [str(program), HANDOVER, *arguments], environment)  # noqa: S606  # ours

    def put_back(self, file: Path | None, version: str) -> None:
        """See Place."""
        if file is not None:
            self.stage(file, version)
        self.switch_to(version)

    def kept(self) -> tuple[str, ...]:
        """See Place."""
        found = []
        for folder in self.link.parent.glob(f"{self.link.name}-*"):
            named = VERSIONED.fullmatch(folder.name)
            is_ours = named is not None and named["name"] == self.link.name
            if is_ours and named is not None and (folder / self._program.file.name).is_file():
                found.append(named["version"])
        return tuple(version for version in sorted(found) if version != self._running)

    def folder_of(self, version: str) -> Path:
        """Where a version lies."""
        return self.link.with_name(f"{self.link.name}-{version}")

    def switch_to(self, version: str) -> None:
        """The link leads to `version` from now on. Raises: UpdateFailed, OSError."""
        folder = self.folder_of(version)
        if not folder.is_dir():
            raise UpdateFailed(f"there is no Athanor {version} in {self.link.parent}")
        if not self.link.is_symlink():
            self._settled()
        _point(self.link, folder)

    def delete_but(self, *versions: str) -> None:
        """Deletes all other versions; what cannot be deleted stays."""
        for version in {*self.kept(), self._running} - {*versions}:
            shutil.rmtree(self.folder_of(version), ignore_errors=True)

    def _settled(self) -> Path:
        """The running version's folder, which is named by its version after this."""
        if self.link.is_symlink():
            return self._program.folder
        folder = self.folder_of(self._running)
        if folder.exists() or folder.is_symlink():
            raise UpdateFailed(f"{folder} is in the way", remedy="Move it elsewhere, or delete it.")
        folder.symlink_to(folder.name)
        try:
            _exchange(self.link, folder)
        except OSError:
            # A file system that cannot exchange: two steps, with a moment in between.
            folder.unlink()
            self.link.rename(folder)
        _point(self.link, folder)
        return folder

    def _probe(self, folder: Path, version: str) -> None:
        """Raises UpdateFailed unless the program in `folder` starts and is of that version."""
        program = folder / self._program.file.name
        try:
            said = subprocess.run(  # noqa: S603  # what the publisher signed
                [program, "--version"],
                env=for_other_programs(os.environ, is_frozen=bool(getattr(sys, "frozen", False))),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=PROBE_SECONDS_MAX,
            ).stdout.decode(errors="replace")
        except (OSError, subprocess.SubprocessError) as error:
            raise UpdateFailed(
                f"Athanor {version} does not start on this computer ({type(error).__name__})",
                remedy="The version that runs stays in its place.",
            ) from None
        if said.split() != ["athanor", version]:
            raise UpdateFailed(f"what came as Athanor {version} says that it is another version")


def _point(link: Path, folder: Path) -> None:
    """`link` leads to its neighbour `folder`, at once."""
    beside = link.with_name(f".{link.name}.link")
    beside.unlink(missing_ok=True)
    beside.symlink_to(folder.name)
    os.replace(beside, link)


def _exchange(one: Path, other: Path) -> None:
    """The two change names in one step. Raises: OSError where the system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is None:
        raise OSError("no renameat2")
    if rename(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
