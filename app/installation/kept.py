"""Kept: the files of versions, each of which is read and compared before it is used.

`updates/0.2.0/athanor_0.2.0_amd64.deb` below the cache: those of the running version and of the
one before stay, so that there is a way back. The sum of a file is written down beside it, in a form
that `sha256sum -c` reads, while it is known to be right: the one that the publisher signed, before
its file is fetched; of a package that is made here, when it has been made; of Windows' installer,
which leaves a copy of itself, at the first start of what it installed. A file without a sum, or of
another one, is no way back.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
from app.core.release.manifest import Build, version_of

_READ_BYTES: Final = 1 << 20
_SUM: Final = ".sha256"
"""A file's name cannot begin with a dot (FileName)."""
_ELSEWHERE: Final = "Get it where you got this one."


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

    def expect(self, version: str, build: Build) -> None:
        """The file of the version, which comes into its folder, is this one. Raises: OSError."""
        self._write_sum(version, build.name, build.sha256)

    def keep(self, version: str, file: Path) -> None:
        """`file`, from the workshop, has just been made and is the version's. Raises: OSError."""
        with file.open("rb") as whole:
            # A power cut must not leave half of it under its name.
            os.fsync(whole.fileno())
        self._write_sum(version, file.name, _sha256(file))
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
            inside = [file for file in folder.glob("[!.]*") if file.is_file()]
            if version_of(folder.name) and len(inside) == 1:
                found[folder.name] = inside[0]
        return found

    def adopt(self, version: str) -> None:
        """What lies here as the version's file, without a sum, is it. Raises: OSError.

        For what somebody else put here that is believed anyhow, since its content runs.
        """
        file = self.files().get(version)
        if file is not None and not (file.parent / _SUM).exists():
            self._write_sum(version, file.name, _sha256(file))

    def way_back(self, version: str) -> Path:
        """The file of a version that ran here, its content read and compared now.

        Raises: UpdateFailed, which says why it is no way back.
        """
        file = self.files().get(version)
        if file is None:
            raise UpdateFailed(f"Athanor {version} is not kept here any more", remedy=_ELSEWHERE)
        require_as_kept(file)
        return file

    def delete_but(self, *versions: str) -> None:
        """Deletes the files of all other versions; what cannot be deleted stays."""
        for folder in self.folder.glob("*"):
            if version_of(folder.name) and folder.name not in versions:
                shutil.rmtree(folder, ignore_errors=True)

    def _write_sum(self, version: str, name: str, sha256: str) -> None:
        folder = self.folder_of(version)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / _SUM).open("w", encoding="utf-8") as written:
            written.write(f"{sha256}  {name}\n")
            written.flush()
            os.fsync(written.fileno())


def require_as_kept(file: Path) -> None:
    """Raises UpdateFailed unless the file is what was written down of it when it was kept."""
    try:
        written = (file.parent / _SUM).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        written = ""
    expected, _, name = written.removesuffix("\n").partition("  ")
    if name != file.name:
        raise UpdateFailed(f"nobody wrote down what {file} must be", remedy=_ELSEWHERE)
    try:
        is_as_kept = _sha256(file) == expected
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UpdateFailed(f"{file} cannot be read: {reason}", remedy=_ELSEWHERE) from None
    if not is_as_kept:
        raise UpdateFailed(f"{file} was changed since it was kept", remedy=_ELSEWHERE)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
