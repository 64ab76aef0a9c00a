"""Listing: which model files there are, by names and sizes alone.

Nothing is opened, so hundreds of models are listed in milliseconds. The parts of a split model are
one find. What cannot be read is told, not hidden.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from app.server.models.shards import Shard, shard_of
from app.server.models.toy import SUFFIX as TOY_SUFFIX

GGUF_SUFFIX: Final = ".gguf"

DEPTH_MAX: Final = 6
"""Folders within folders; publisher/repository/file needs two."""

ENTRIES_MAX: Final = 100_000
"""Files and folders looked at in one listing, so that a folder added by mistake, such as a whole
home, does not stall the server."""

Stamp = tuple[tuple[int, int], ...]
"""Size and time of change (nanoseconds) of each part of a model: another stamp, another content."""


@final
@dataclass(frozen=True, slots=True)
class Found:
    """A model on disk, unread."""

    path: Path
    """The file to load: the first part of a split model, even if it is missing."""
    stem: str
    """Its name without shard number and suffix."""
    folders: tuple[str, ...]
    """Those between the library's folder and the file, outermost first."""
    stamp: Stamp
    shards: tuple[Path, ...] = ()
    is_demonstration: bool = False
    """It came with the program (starter.py)."""

    @property
    def size_bytes(self) -> int:
        """Of all parts that are there."""
        return sum(size for size, _ in self.stamp)

    @property
    def modified(self) -> float:
        """Seconds since 1970 of the last change."""
        return max((time for _, time in self.stamp), default=0) / 1e9


@final
@dataclass(slots=True)
class Listing:
    """All finds, in order of folders and then names, and what went wrong."""

    found: list[Found] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """Sentences: folders that cannot be read, or hold too much."""
    entries_left: int = ENTRIES_MAX
    _seen: set[tuple[int, int]] = field(default_factory=set)
    """Device and inode of folders and files, since links may lead to the same one again."""

    def add_folder(self, folder: Path) -> None:
        """Lists the models in `folder` and below it."""
        self._walk(folder, ())

    def add_file(self, path: Path) -> None:
        """Lists one file that was named by itself, of either kind, even if it is not there."""
        try:
            status = path.stat()
        except OSError:
            self.found.append(Found(path, path.stem, (), ()))
            return
        shard = shard_of(path.name)
        if shard is not None:
            self._add_split(path.parent, (), [shard])
        elif self._is_new(status):
            self.found.append(Found(path, path.stem, (), (_stamp(status),)))

    def _walk(self, folder: Path, below: tuple[str, ...]) -> None:
        try:
            if not self._is_new(folder.stat()):
                return
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.troubles.append(f"{folder} cannot be read: {error.strerror}.")
            return
        splits: dict[tuple[str, int], list[Shard]] = {}
        inner: list[str] = []
        for entry in self._listable(folder, entries):
            if _is_folder(entry):
                inner.append(entry.name)
            elif not entry.name.lower().endswith(GGUF_SUFFIX):
                continue
            elif shard := shard_of(entry.name):
                splits.setdefault((shard.stem, shard.count), []).append(shard)
            else:
                self._add_whole(Path(entry.path), below)
        for parts in splits.values():
            self._add_split(folder, below, parts)
        if len(below) < DEPTH_MAX:
            for name in inner:
                self._walk(folder / name, (*below, name))

    def _listable(
        self, folder: Path, entries: Iterable[os.DirEntry[str]]
    ) -> Iterator[os.DirEntry[str]]:
        """Entries that are looked at: not hidden, of a name that can be told, not too many."""
        for entry in entries:
            if not self.entries_left:
                self._give_up(folder)
                return
            self.entries_left -= 1
            if not _is_text(entry.name):
                where = ascii(entry.path)
                self.troubles.append(f"{where} was left out: its name is not valid Unicode.")
            elif not entry.name.startswith("."):
                yield entry

    def _give_up(self, folder: Path) -> None:
        sentence = f"{folder} was not listed whole: there are more than {ENTRIES_MAX} entries."
        if not any("was not listed whole" in trouble for trouble in self.troubles):
            self.troubles.append(sentence)

    def _add_whole(self, path: Path, below: tuple[str, ...]) -> None:
        try:
            status = path.stat()
        except OSError as error:
            self.troubles.append(f"{path} cannot be read: {error.strerror}.")
            return
        if stat.S_ISREG(status.st_mode) and self._is_new(status):
            self.found.append(Found(path, path.stem, below, (_stamp(status),)))

    def _add_split(self, folder: Path, below: tuple[str, ...], parts: Sequence[Shard]) -> None:
        """One find for all parts, those that the listing did not meet among them."""
        paths = [folder / sibling.name for sibling in parts[0].siblings()]
        statuses = [status for path in paths if (status := _status(path)) is not None]
        if not any([self._is_new(status) for status in statuses]):
            return
        stamp = tuple(_stamp(status) for status in statuses)
        self.found.append(Found(paths[0], parts[0].stem, below, stamp, tuple(paths)))

    def _is_new(self, status: os.stat_result) -> bool:
        identity = (status.st_dev, status.st_ino)
        if status.st_ino and identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def list_models(places: Iterable[Path]) -> Listing:
    """The models in folders, and files, in their order. A `.toy` counts only if named itself."""
    listing = Listing()
    for place in places:
        is_named_so = place.suffix.lower() in {GGUF_SUFFIX, TOY_SUFFIX} and not place.is_dir()
        if is_named_so or place.is_file():  # a model of another program may lack the suffix
            listing.add_file(place)
        else:
            listing.add_folder(place)
    return listing


def stamp_of(found: Found) -> Stamp:
    """The stamp as it is now; () when no part is there any more."""
    statuses = [_status(path) for path in found.shards or (found.path,)]
    return tuple(_stamp(status) for status in statuses if status is not None)


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is_text(name: str) -> bool:
    """False for names that are no UTF-8, which Python holds as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
