"""Starter: the demonstration model that comes with the program, offered only as it was made.

`assets/models/starter.toml` says which file it is, how long and with which SHA-256:

    name = "athanor-starter"
    file = "athanor-starter.gguf"
    size_bytes = 6000000
    sha256 = "..."

A file that is missing or is another is not offered; `trouble` then says so, with what to do. The
check reads a few megabytes, once for each state of the file on disk.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Final, final

import msgspec
from msgspec import Meta

from app.core.models.names import origin_of
from app.server.models.found import Found, Place, Stamp, part_of

MANIFEST: Final = "starter.toml"
FOLDER: Final = "models"
"""Below the assets."""

_REMEDY: Final = (
    "Install Athanor again (in a clone: `git restore assets/models`), or set models.starter to "
    "false."
)


@final
class StarterManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `starter.toml` says."""

    name: Annotated[str, Meta(min_length=1)]
    """What the model is called, whatever its file is."""
    file: Annotated[str, Meta(pattern=r"^[\w.-]+\.gguf$")]
    """Beside the manifest."""
    size_bytes: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Lower-case hexadecimal digits."""


def read_manifest(folder: Path) -> StarterManifest:
    """The manifest in `folder`, which is the assets' `models`.

    Raises: OSError where it cannot be read; msgspec.DecodeError where it is no manifest.
    """
    content = (folder / MANIFEST).read_bytes()
    try:
        return msgspec.toml.decode(content, type=StarterManifest)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error


@final
class Starter:
    """The demonstration model of one assets folder. Used by one thread at a time."""

    def __init__(self, assets: Path) -> None:
        self._folder = assets / FOLDER
        self._checked: tuple[StarterManifest, Stamp] | None = None
        self._fault = ""
        """Of the file that was checked last; "" for none."""
        self.trouble = ""
        """Why there is no demonstration model and what to do about it, in sentences; "" if all is
        well. As of the last `found`."""

    def found(self) -> Found | None:
        """The model as the library lists files; None where there is none as it was made."""
        looked = self._look()
        if isinstance(looked, Found):
            self.trouble = ""
            return looked
        self.trouble = f"The demonstration model cannot be used: {looked}. {_REMEDY}"
        return None

    def _look(self) -> Found | str:
        """The model, or why there is none."""
        try:
            manifest = read_manifest(self._folder)
        except OSError as error:
            return f"{self._folder / MANIFEST} cannot be read: {error.strerror}"
        except msgspec.DecodeError as error:
            return f"{self._folder / MANIFEST} is damaged: {error}"
        path = self._folder / manifest.file
        try:
            status = path.stat()
            stamp: Stamp = (part_of(status),)
            if self._checked != (manifest, stamp):
                self._fault = _fault_of(path, status.st_size, manifest)
                self._checked = manifest, stamp
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        if self._fault:
            return f"{path} {self._fault}"
        return Found(
            path=path,
            origin=origin_of((), manifest.name),
            stamp=stamp,
            place=Place(self._folder, "starter"),
        )


def _fault_of(path: Path, size_bytes: int, manifest: StarterManifest) -> str:
    """What is wrong with the content; "" for nothing. Raises: OSError."""
    if size_bytes != manifest.size_bytes:
        return f"has {size_bytes} bytes instead of {manifest.size_bytes}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if digest == manifest.sha256 else "is damaged: its SHA-256 is not the manifest's"
