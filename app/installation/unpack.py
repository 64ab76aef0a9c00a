"""Unpack: an archive of the program, put down beside the version that runs."""

import shutil
import tarfile
from pathlib import Path
from typing import IO, Final, cast

from app.core.base.errors import UpdateFailed
from app.installation.zstandard import ZstandardFile

_WORKSHOP: Final = ".new"


def unpack(archive: Path, folder: Path) -> None:
    """`folder` holds what the archive's one folder holds, whole or not at all.

    Raises: UpdateFailed for an archive that is none, is damaged or does not hold one folder;
    OSError. Files cannot be written outside of `folder`, whatever the archive says.
    """
    workshop = folder.with_name(f".{folder.name}{_WORKSHOP}")
    shutil.rmtree(workshop, ignore_errors=True)
    try:
        workshop.mkdir(parents=True)
        _extract(archive, workshop)
        inside = list(workshop.iterdir())
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
            raise UpdateFailed(f"{archive.name} does not hold one folder")
        shutil.rmtree(folder, ignore_errors=True)
        inside[0].rename(folder)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    try:
        if archive.name.endswith(".zst"):
            with ZstandardFile(archive) as unpacked:
                # tarfile reads it as any stream; typeshed wants IO and knows RawIOBase as none.
                stream = cast("IO[bytes]", unpacked)
                with tarfile.open(fileobj=stream, mode="r|") as tar:
                    tar.extractall(folder, filter="data")
        else:
            with tarfile.open(archive, mode="r:*") as tar:
                tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise UpdateFailed(
            f"{archive.name} cannot be unpacked: {error}", remedy="Fetch it again."
        ) from None
