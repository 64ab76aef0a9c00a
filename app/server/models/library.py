"""Library: the models on this machine, by any spelling of their names.

Listing is quick and complete; the headers are read one by one afterwards, or when a model is asked
for. A file that is broken or is no model stays in the list with the reason. A file that was copied
into a folder is found as soon as somebody names it.

Synchronous, since it waits for the disk: an asyncio server calls it in a thread. Any thread may
call at any time; `entries` and `find` of a known name do not wait for a read under way.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, final

import msgspec
from msgspec.structs import replace

from app.core.base.errors import ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.core.models.card import ModelCard
from app.core.models.demonstration import is_offered
from app.core.models.names import Origin, origin_of, slug, spellings
from app.core.models.resolve import Directory, Named, named
from app.server.models.card_cache import CardCache, Known
from app.server.models.gguf import read_header
from app.server.models.listing import Found, Listing, list_models, stamp_of
from app.server.models.starter import Starter
from app.server.models.toy import SUFFIX as TOY_SUFFIX
from app.server.models.toy import read_toy
from app.wire.model import ModelSource


@final
class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model as listed."""

    name: ModelName
    path: str
    """What to load: the first part of a split model."""
    shards: tuple[str, ...] = ()
    size_bytes: int
    modified: float
    """Seconds since 1970."""
    backend: Literal["llama", "toy"] = "llama"
    card: ModelCard | None = None
    """None until its header is read, and for a refused file."""
    refusal: str = ""
    """Why it cannot be loaded; "" while it can."""
    remedy: str = ""
    """What the owner can do about the refusal."""
    duplicates: tuple[str, ...] = ()
    """Other files that seem to be the same model."""
    is_demonstration: bool = False
    """It came with the program: listed only while no other model can be used, never deleted."""

    @property
    def is_read(self) -> bool:
        """Whether its header was looked at."""
        return self.card is not None or bool(self.refusal)

    def source(self) -> ModelSource:
        """What an engine is told to load."""
        return ModelSource(path=self.path, name=self.name, backend=self.backend)


@final
class Library:
    """See the module. `scan` before anything else."""

    def __init__(
        self,
        places: Sequence[Path],
        *,
        cache_file: Path | None = None,
        starter: Starter | None = None,
    ) -> None:
        """`places` are folders, and files named by themselves, the likeliest first."""
        self._places = tuple(places)
        self._starter = starter
        self._lock = threading.Lock()
        """Held while the tables below are read or replaced, never while a file is read."""
        self._reading = threading.Lock()
        """Held while a header is read, so that two threads do not read the same."""
        self._cache = CardCache(cache_file)
        self._listed: list[Found] = []
        self._found: dict[ModelName, Found] = {}
        self._origins: dict[ModelName, Origin] = {}
        self._entries: dict[ModelName, Entry] = {}
        self._named: dict[ModelName, Named] = {}
        self._directory = Directory(())
        self._troubles: tuple[str, ...] = ()

    def scan(self) -> None:
        """Lists the places anew. Cards of files that did not change are kept."""
        listing = list_models(self._places)
        found, troubles = _with_starter(listing, self._starter)
        with self._lock:
            self._troubles = troubles
            if found != self._listed:
                self._listed = found
                self._take(found)

    def entries(self) -> tuple[Entry, ...]:
        """All models that are offered, as far as they are read, in the order of the places."""
        with self._lock:
            entries = tuple(self._entries.values())
        owners = tuple(entry for entry in entries if not entry.is_demonstration)
        return entries if is_offered(not entry.refusal for entry in owners) else owners

    def demonstration(self) -> Entry | None:
        """The model that comes with the program, offered or not; None where there is none."""
        with self._lock:
            return next((e for e in self._entries.values() if e.is_demonstration), None)

    def troubles(self) -> tuple[str, ...]:
        """What went wrong while listing, in sentences."""
        with self._lock:
            return self._troubles

    def find(self, name: str) -> Entry:
        """The model that `name` means, in any spelling. An unknown name makes it look again.

        Raises: ModelNotFound, with the nearest names.
        """
        entry = self._known(name)
        if entry is None:
            self.scan()
            entry = self._known(name)
        if entry is not None:
            return entry
        with self._lock:
            raise ModelNotFound(name, self._directory.nearest(name))

    def card(self, name: str) -> ModelCard:
        """The card of the model that `name` means, read again if the file has changed.

        Raises: ModelNotFound; ModelFileInvalid.
        """
        entry = self.find(name)
        if self._has_changed(entry):
            self.scan()
            entry = self.find(name)
        if not entry.is_read:
            entry = self._read(entry.name) or self.find(name)
        if entry.card is None:
            raise ModelFileInvalid(entry.refusal, remedy=entry.remedy)
        return entry.card

    def read_next(self) -> bool:
        """Reads the header of one model that was not read yet; False when all are.

        Call it until it says False: then the cards are written down for the next start.
        """
        unread = next((entry.name for entry in self.entries() if not entry.is_read), None)
        if unread is None:
            with self._reading, self._lock:
                self._cache.save(frozenset(str(found.path) for found in self._found.values()))
            return False
        self._read(unread)
        return True

    def _known(self, name: str) -> Entry | None:
        with self._lock:
            if entry := self._entries.get(ModelName(name)):
                return entry
            for entry in self._entries.values():
                if name == entry.path or name in entry.duplicates:
                    return entry
            meant = self._directory.find(name)
            return None if meant is None else self._entries[meant]

    def _has_changed(self, entry: Entry) -> bool:
        with self._lock:
            found = self._found.get(entry.name)
        return found is None or stamp_of(found) != found.stamp

    def _read(self, name: ModelName) -> Entry | None:
        """Reads one header and puts what it says into the table; None if the model has gone."""
        with self._reading:
            while True:
                with self._lock:
                    found, entry = self._found.get(name), self._entries.get(name)
                if found is None or entry is None or entry.is_read:
                    return entry
                known = _read_known(found)
                with self._lock:
                    self._cache.put(found.path, known)
                    if self._found.get(name) == found:
                        entry = _with(entry, known)
                        self._put(entry)
                        self._directory = Directory(self._named.values())
                        return entry

    def _take(self, listed: Sequence[Found]) -> None:
        """Replaces the tables by what was listed."""
        self._found, self._origins, self._entries, self._named = {}, {}, {}, {}
        for found in listed:
            origin = origin_of(found.folders, found.stem)
            twin = self._entries.get(origin.canonical)
            if twin is not None and twin.size_bytes == found.size_bytes and found.size_bytes:
                duplicates = (*twin.duplicates, str(found.path))
                self._entries[twin.name] = replace(twin, duplicates=duplicates)
                continue
            name = self._free_name(origin)
            self._found[name], self._origins[name] = found, origin
            self._put(_entry(name, found, self._cache.get(found.path, found.stamp)))
        self._directory = Directory(self._named.values())

    def _put(self, entry: Entry) -> None:
        """Lists it, with all spellings; its card adds some."""
        origin = self._origins[entry.name]
        quant = origin.quant or (entry.card.quantisation if entry.card else "")
        self._entries[entry.name] = entry
        self._named[entry.name] = named(
            entry.name, spellings(origin, entry.card), quant, is_usable=not entry.refusal
        )

    def _free_name(self, origin: Origin) -> ModelName:
        """Its canonical name; if that is taken, with a folder before it, or a number behind."""
        name = origin.canonical
        for folder in (origin.repository, origin.publisher):
            if name in self._entries and folder:
                name = ModelName(f"{slug(folder)}/{name}")
        base, number = name, 2
        while name in self._entries:
            name, number = ModelName(f"{base}~{number}"), number + 1
        return name


def _entry(name: ModelName, found: Found, known: Known | None) -> Entry:
    entry = Entry(
        name=name,
        path=str(found.path),
        shards=tuple(str(part) for part in found.shards),
        size_bytes=found.size_bytes,
        modified=found.modified,
        backend="toy" if found.path.suffix.lower() == TOY_SUFFIX else "llama",
        is_demonstration=found.is_demonstration,
    )
    return entry if known is None else _with(entry, known)


def _with_starter(listing: Listing, starter: Starter | None) -> tuple[list[Found], tuple[str, ...]]:
    """What is found, and what went wrong, with the demonstration model.

    It comes first, so that its name is its own, whatever lies in the owner's folders.
    """
    demonstration = starter.found() if starter else None
    found = [demonstration, *listing.found] if demonstration else listing.found
    trouble = starter.trouble if starter else ""
    return found, (*listing.troubles, *([trouble] if trouble else []))


def _with(entry: Entry, known: Known) -> Entry:
    return replace(entry, card=known.card, refusal=known.refusal, remedy=known.remedy)


def _read_known(found: Found) -> Known:
    """What the file says now. The stamp is the listing's, so that a change after it is noticed."""
    is_toy = found.path.suffix.lower() == TOY_SUFFIX
    try:
        return Known(found.stamp, card=(read_toy if is_toy else read_header)(found.path))
    except ModelFileInvalid as error:
        return Known(found.stamp, refusal=error.message, remedy=error.remedy)
