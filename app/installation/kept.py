"""Kept: the files of versions; one that was fetched is checked each time before it is used.

`updates/0.2.0/athanor_0.2.0_amd64.deb` below the cache: those of the running version and of the
one before stay, so that there is a way back.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final, final

from app.core.release.manifest import Build, version_of

_READ_BYTES: Final = 1 << 20


@final
class Kept:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_of(self, version: str) -> Path:
        """Where the file of a version lies."""
        return self.folder / version

    def workshop_of(self, version: str) -> Path:
        """Where it lies while it is not whole yet."""
        return self.folder_of(version) / ".part"

    def keep(self, version: str, file: Path) -> None:
        """`file`, from the workshop, is the one of the version. Raises: OSError."""
        with file.open("rb") as whole:
            # A power cut must not leave half of it under its name.
            os.fsync(whole.fileno())
        file.replace(self.folder_of(version) / file.name)

    def file(self, version: str, build: Build) -> Path | None:
        """The file of that build, its content read and compared now; None if it is not that."""
        file = self.folder_of(version) / build.name
        try:
            if file.stat().st_size != build.size_bytes or _sha256(file) != build.sha256:
                return None
        except OSError:
            return None
        return file

    def files(self) -> dict[str, Path]:
        """The one file of each version, unread."""
        found = {}
        for folder in self.folder.glob("*"):
            inside = [file for file in folder.glob("*") if file.is_file()]
            if version_of(folder.name) and len(inside) == 1:
                found[folder.name] = inside[0]
        return found

    def delete_but(self, *versions: str) -> None:
        """Deletes the files of all other versions; what cannot be deleted stays."""
        for folder in self.folder.glob("*"):
            if version_of(folder.name) and folder.name not in versions:
                shutil.rmtree(folder, ignore_errors=True)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
