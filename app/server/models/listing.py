"""Listing: which model files there are, by names and sizes alone.

No model is opened, so hundreds are listed in milliseconds. The parts of a split model are one
find. What cannot be read is told, not hidden. How another program lays out its cache stands in
hub_cache.py, llama_cache.py and ollama_store.py; they walk by the means that are here.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from app.core.models.apps import OTHERS
from app.core.models.names import Origin, origin_of
from app.server.models.found import STILL_DOWNLOADED, Found, Place, part_of, status_of
from app.server.models.shards import Shard, shard_of

GGUF_SUFFIX: Final = ".gguf"

PARTIAL_SUFFIXES: Final = (
    ".part",
    ".partial",
    ".incomplete",
    ".download",
    ".downloadinprogress",
    ".crdownload",
    ".opdownload",
    ".filepart",
    ".aria2",
    ".tmp",
)
"""What downloaders put behind the name of a file that is not whole yet: ours, huggingface_hub,
llama.cpp, LM Studio, browsers. Such a file is never a model, whatever is in it."""

CONTROL_SUFFIXES: Final = (".aria2", ".st", ".!qb")
"""Behind the name of a small file beside one that has its full size from the beginning, and is
filled little by little (aria2, axel, qBittorrent): while it is there the model is not whole."""

DEPTH_MAX: Final = 6
"""Folders within folders; publisher/repository/file needs two."""

ENTRIES_MAX: Final = 100_000
"""Files and folders looked at in one listing, so that a folder added by mistake, such as a whole
home, does not stall the server."""

Naming = Callable[[Sequence[str], str], Origin]
"""From the folders below the place and a file's stem to what they say of its name."""


@final
@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence about a folder or file that cannot be listed, in the place that it concerns."""

    place: Place
    message: str


def _claims_nothing(_: Path) -> str:
    return ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How the folders of one place are read."""

    place: Place
    naming: Naming = origin_of
    claim: Callable[[Path], str] = _claims_nothing
    """The SHA-256 that a file's place in a cache says it has; "" where it says nothing."""
    depth_max: int = DEPTH_MAX
    skip: set[str] = field(default_factory=set)
    """Paths below the place that were met before, in a newer revision; grows on the way."""


@final
@dataclass(slots=True)
class Listing:
    """All finds, in order of places, folders and then names, and what went wrong."""

    found: list[Found] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    """Folders that cannot be read, or hold too much."""
    places: list[Place] = field(default_factory=list)
    """Those that were looked at."""
    entries_left: int = ENTRIES_MAX
    _seen: set[tuple[int, int]] = field(default_factory=set)
    """Device and inode of folders and files, since links may lead to the same one again."""

    def add_folder(self, place: Place) -> None:
        """Lists the models in a folder and below it."""
        self.walk(place.path, (), Walk(place=place))

    def add_file(self, place: Place) -> None:
        """Lists one file that was named by itself, of either kind, even if it is not there."""
        path = place.path
        origin = origin_of((), path.stem)
        status = status_of(path)
        if status is None:
            self.found.append(Found(path=path, origin=origin, stamp=(), place=place))
            return
        shard = shard_of(path.name)
        if shard is not None:
            self._add_split(path.parent, (), [shard], Walk(place=place))
        elif self.is_new(status):
            refusal = f"{path}: {_partial(path.name)}" if _partial(path.name) else ""
            self.found.append(
                Found(
                    path=path,
                    origin=origin,
                    stamp=(part_of(status),),
                    place=place,
                    refusal=refusal,
                    remedy=STILL_DOWNLOADED if refusal else "",
                )
            )

    def walk(self, folder: Path, below: tuple[str, ...], walk: Walk) -> None:
        """Lists the models in `folder`, which lies `below` the walk's beginning, and below it."""
        status = status_of(folder)
        if status is not None and not self.is_new(status):
            return
        splits: dict[tuple[str, int], list[Shard]] = {}
        inner: list[str] = []
        entries = list(self.entries_of(folder, walk.place))
        controlled = _controlled(entries)
        for entry in entries:
            if leads_to_folder(entry):
                inner.append(entry.name)
            elif not entry.name.lower().endswith(GGUF_SUFFIX):
                continue
            elif shard := shard_of(entry.name):
                splits.setdefault((shard.stem, shard.count), []).append(shard)
            else:
                self._add_whole(Path(entry.path), below, walk, controlled)
        for parts in splits.values():
            self._add_split(folder, below, parts, walk, controlled)
        if len(below) < walk.depth_max:
            for name in inner:
                self.walk(folder / name, (*below, name), walk)

    def entries_of(self, folder: Path, place: Place) -> Iterator[os.DirEntry[str]]:
        """What is in a folder, by name: not hidden, of a name that can be told, not too many."""
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.tell(place, f"{folder} cannot be read: {error.strerror}.")
            return
        for entry in entries:
            if not self.entries_left:
                self._give_up(place)
                return
            self.entries_left -= 1
            if not is_text(entry.name):
                where = ascii(entry.path)
                self.tell(place, f"{where} was left out: its name is not valid Unicode.")
            elif not entry.name.startswith("."):
                yield entry

    def tell(self, place: Place, message: str) -> None:
        """Notes what went wrong."""
        self.troubles.append(Trouble(place, message))

    def is_new(self, status: os.stat_result) -> bool:
        """Whether no path led to this file or folder before; it is known from now on."""
        identity = (status.st_dev, status.st_ino)
        if status.st_ino and identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def _give_up(self, place: Place) -> None:
        sentence = f"{place.path} was not listed whole: there are more than {ENTRIES_MAX} entries."
        if not any("was not listed whole" in trouble.message for trouble in self.troubles):
            self.tell(place, sentence)

    def _add_whole(
        self, path: Path, below: tuple[str, ...], walk: Walk, controlled: dict[str, str]
    ) -> None:
        try:
            status = path.stat()
        except OSError as error:
            # In a cache a link that leads nowhere is a file that was deleted there.
            if walk.place.app not in OTHERS:
                self.tell(walk.place, f"{path} cannot be read: {error.strerror}.")
            return
        if not stat.S_ISREG(status.st_mode) or not _is_wanted(walk, below, path.name):
            return
        if not self.is_new(status):
            return
        claim = walk.claim(path)
        control = controlled.get(path.name, "")
        self.found.append(
            Found(
                path=path,
                origin=walk.naming(below, path.stem),
                stamp=(part_of(status),),
                place=walk.place,
                claims=(claim,) if claim else (),
                refusal=f"{path}: {_still(control)}" if control else "",
                remedy=STILL_DOWNLOADED if control else "",
            )
        )

    def _add_split(
        self,
        folder: Path,
        below: tuple[str, ...],
        parts: Sequence[Shard],
        walk: Walk,
        controlled: dict[str, str] | None = None,
    ) -> None:
        """One find for all parts, those that the listing did not meet among them."""
        paths = [folder / sibling.name for sibling in parts[0].siblings()]
        statuses = [status_of(path) for path in paths]
        there = [status for status in statuses if status is not None]
        if not _is_wanted(walk, below, parts[0].stem):
            return
        if not any([self.is_new(status) for status in there]):
            return
        missing = [path.name for path, status in zip(paths, statuses, strict=True) if not status]
        controls = [name for path in paths if (name := (controlled or {}).get(path.name))]
        refusal = _missing(missing, len(paths)) or (_still(controls[0]) if controls else "")
        claims = tuple(walk.claim(path) for path in paths) if not missing else ()
        self.found.append(
            Found(
                path=paths[0],
                origin=walk.naming(below, parts[0].stem),
                stamp=tuple(part_of(status) for status in there),
                shards=tuple(paths),
                place=walk.place,
                claims=claims if all(claims) else (),
                refusal=f"{folder / parts[0].stem}: {refusal}" if refusal else "",
                remedy=STILL_DOWNLOADED if refusal else "",
            )
        )


def _is_wanted(walk: Walk, below: tuple[str, ...], name: str) -> bool:
    """Whether no newer revision had a file of that name; the name is taken from now on."""
    whole = "/".join((*below, name))
    if whole in walk.skip:
        return False
    walk.skip.add(whole)
    return True


def _missing(names: Sequence[str], count: int) -> str:
    """The reason for refusing a split model without these parts; "" where none is missing."""
    if not names:
        return ""
    are = "part is missing" if len(names) == 1 else "parts are missing"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{len(names)} of its {count} {are}: {names[0]}{more}"


def _partial(name: str) -> str:
    """Why a file of this name is no whole model; "" where the name says nothing of the kind."""
    suffix = Path(name).suffix.lower()
    return f"its name ends in {suffix}: it is not whole" if suffix in PARTIAL_SUFFIXES else ""


def _still(control: str) -> str:
    return f"it is still being downloaded; {control} lies beside it"


def _controlled(entries: Sequence[os.DirEntry[str]]) -> dict[str, str]:
    """Files that a downloader is still filling, and by which file that is known."""
    return {
        entry.name[: -len(suffix)]: entry.name
        for entry in entries
        for suffix in CONTROL_SUFFIXES
        if entry.name.lower().endswith(suffix)
    }


def is_text(name: str) -> bool:
    """False for names that are no UTF-8, which Python holds as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False
