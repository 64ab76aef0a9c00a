"""Found: one model as its files lie on the disk, before any of them is read."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

from app.core.models.apps import App
from app.core.models.names import Origin

Layout = Literal["folder", "hub", "llama.cpp", "ollama"]
"""How a program lays out its files: GGUFs in folders, or one of the caches."""

Part = tuple[int, int, int]
"""Size, time of change (nanoseconds) and inode of one file: another of these, another content."""

Stamp = tuple[Part, ...]
"""Those of all parts of a model that are there."""

STILL_DOWNLOADED: Final = "Wait until its download is complete, or start the download again."


@final
@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which models are looked for, or one file that was named by itself."""

    path: Path
    app: App = "folder"
    layout: Layout = "folder"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model on disk, unread."""

    path: Path
    """The file to load: the first part of a split model, even if it is missing."""
    origin: Origin
    """What the place says of its name."""
    stamp: Stamp
    shards: tuple[Path, ...] = ()
    place: Place
    """Where it was found."""
    others: tuple[Origin, ...] = ()
    """Further names that the program which owns it has for the same file."""
    claims: tuple[str, ...] = ()
    """The SHA-256 of each part as its name in a cache says it; () where nothing does."""
    refusal: str = ""
    """Why it cannot be loaded, where the names of files alone tell that."""
    remedy: str = ""

    @property
    def parts(self) -> tuple[Path, ...]:
        """All its files."""
        return self.shards or (self.path,)

    @property
    def size_bytes(self) -> int:
        """Of all parts that are there."""
        return sum(size for size, _, _ in self.stamp)

    @property
    def modified(self) -> float:
        """Seconds since 1970 of the last change."""
        return max((time for _, time, _ in self.stamp), default=0) / 1e9

    @property
    def app(self) -> App:
        """Whose place it was found in."""
        return self.place.app

    @property
    def is_demonstration(self) -> bool:
        """Whether it came with the program (starter.py)."""
        return self.app == "starter"


def part_of(status: os.stat_result) -> Part:
    """The stamp of one file."""
    return status.st_size, status.st_mtime_ns, status.st_ino


def stamp_of(found: Found) -> Stamp:
    """The stamp as it is now; () when no part is there any more."""
    statuses = [status_of(path) for path in found.parts]
    return tuple(part_of(status) for status in statuses if status is not None)


def status_of(path: Path) -> os.stat_result | None:
    """What the system says of the file that `path` leads to; None where it leads to none."""
    try:
        return path.stat()
    except OSError:
        return None


def is_folder(path: Path) -> bool:
    """Whether it is a folder that this user can tell of. Path.is_dir raises where he cannot."""
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def is_file(path: Path) -> bool:
    """Whether it is a file that this user can tell of."""
    status = status_of(path)
    return status is not None and stat.S_ISREG(status.st_mode)
