"""Library: the models on this machine, by any spelling of their names.

Listing is quick and complete; the headers are read one by one afterwards, or when a model is asked
for, and contents are hashed last of all (hasher.py). A file that is broken or is no model stays in
the list with the reason. A file copied into a folder is found as soon as somebody names it.

Synchronous, since it waits for the disk: an asyncio server calls it in a thread. Any thread may
call at any time; `entries` and `find` of a known name do not wait for a read under way.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, final

from app.core.base.errors import ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.core.models.apps import OTHERS
from app.core.models.card import ModelCard
from app.core.models.demonstration import is_offered
from app.core.models.describe import NOTHING_WRONG
from app.server.models.card_cache import CardCache, Known
from app.server.models.digest_cache import DigestCache
from app.server.models.entry import Copy, Entry
from app.server.models.found import Found, Part, Place, stamp_of
from app.server.models.gguf import read_header
from app.server.models.identity import identity_of
from app.server.models.listing import Trouble
from app.server.models.starter import Starter
from app.server.models.survey import survey
from app.server.models.tables import Tables, with_known
from app.server.models.toy import SUFFIX as TOY_SUFFIX
from app.server.models.toy import read_toy

__all__ = ["Copy", "Entry", "Library"]

_WHERE_TO_LOOK = "`athanor models` and GET /v1/models list those that there are."
_CHANGES = "it changes while it is read; something is still writing it"
_CHANGES_REMEDY = "It is offered as soon as it rests; nothing needs to be done."


class Seen(NamedTuple):
    """A place as it was last listed."""

    place: Place
    models: int
    size_bytes: int
    troubles: tuple[str, ...]


class Unhashed(NamedTuple):
    """A file whose content is to be read, and its stamp when it was listed."""

    path: Path
    part: Part


@final
class Library:
    """See the module. `scan` before anything else."""

    def __init__(
        self,
        places: Sequence[Path | Place],
        *,
        cache_file: Path | None = None,
        digests_file: Path | None = None,
        starter: Starter | None = None,
        others: Callable[[], Sequence[Place]] = tuple,
    ) -> None:
        """`places` are folders, and files named by themselves, the likeliest first. `others` gives
        the places of other programs, which may come and go."""
        self._places = tuple(p if isinstance(p, Place) else Place(p) for p in places)
        self._others = others
        self._starter = starter
        self._lock = threading.Lock()
        """Held while the tables below are read or replaced, never while a file is read."""
        self._scanning = threading.Lock()
        """Held while the places are listed, so that an older look never overrules a newer one."""
        self._reading = threading.Lock()
        """Held while a header is read, so that two threads do not read the same."""
        self._cache = CardCache(cache_file)
        self._digests = DigestCache(digests_file)
        self._listed: list[Found] = []
        self._tables = Tables()
        self._troubles: tuple[str, ...] = ()
        self._seen: tuple[Seen, ...] = ()
        self._changing: set[Path] = set()
        """Files that changed while they were hashed: not offered until one is read in peace."""
        self._wanted: list[ModelName] = []
        """Models whose claimed digest somebody wants to be checked."""
        self._revision = 0

    @property
    def revision(self) -> int:
        """Rises whenever the list would be shown differently."""
        return self._revision

    def set_places(self, places: Sequence[Place]) -> None:
        """Looks at these places from the next scan on."""
        with self._lock:
            self._places = tuple(places)

    def scan(self) -> bool:
        """Lists the places anew; whether something changed. Cards of the same files are kept."""
        with self._scanning:
            return self._scan()

    def _scan(self) -> bool:
        with self._lock:
            places = self._places
        listing = survey((*places, *self._others()))
        demonstration = self._starter.found() if self._starter else None
        found = _with_demonstration(demonstration, listing.found)
        troubles = tuple(t.message for t in listing.troubles if t.place.app not in OTHERS)
        seen = tuple(_seen(place, found, listing.troubles) for place in listing.places)
        with self._lock:
            has_changed = found != self._listed or (troubles, seen) != (self._troubles, self._seen)
            self._troubles, self._seen = troubles, seen
            if found != self._listed:
                self._listed = found
                self._rebuild()
            elif has_changed:
                self._revision += 1
        return has_changed

    def entries(self) -> tuple[Entry, ...]:
        """All models that are offered, as far as they are read, in the order of the places."""
        with self._lock:
            entries = tuple(e for e in self._tables.entries.values() if not e.is_accessory)
        owners = tuple(entry for entry in entries if not entry.is_demonstration)
        return entries if is_offered(not entry.refusal for entry in owners) else owners

    def demonstration(self) -> Entry | None:
        """The model that comes with the program, offered or not; None where there is none."""
        with self._lock:
            entries = self._tables.entries.values()
            return next((entry for entry in entries if entry.is_demonstration), None)

    def troubles(self) -> tuple[str, ...]:
        """What went wrong while listing the owner's own places, in sentences; and why there is no
        demonstration model, where it is missed."""
        missing = self._starter.trouble if self._starter else ""
        is_missed = missing and is_offered(not entry.refusal for entry in self.entries())
        with self._lock:
            return (*self._troubles, missing) if is_missed else self._troubles

    def places(self) -> tuple[Seen, ...]:
        """Every place that was looked at, those of other programs too."""
        with self._lock:
            return self._seen

    def files(self, name: ModelName) -> tuple[Found, ...]:
        """The files of a listed model: what is loaded, then its copies; () where it is gone."""
        with self._lock:
            return self._tables.found.get(name, ())

    def find(self, name: str) -> Entry:
        """The model that `name` means, in any spelling. An unknown name makes it look again.

        Raises: ModelNotFound, with the nearest names.
        """
        if self._known(name) is None:
            self.scan()
        return self.listed(name)

    def listed(self, name: str) -> Entry:
        """As `find`, of the models that are listed: it does not wait for the disk."""
        entry = self._known(name)
        if entry is not None:
            return entry
        with self._lock:
            nearest = self._tables.directory.nearest(name)
        raise ModelNotFound(name, nearest, remedy=_WHERE_TO_LOOK)

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
        with self._lock:
            entries = self._tables.entries.values()
            unread = next((entry.name for entry in entries if not entry.is_read), None)
        if unread is None:
            with self._reading, self._lock:
                self._cache.save(frozenset(str(found.path) for found in self._listed))
            return False
        self._read(unread)
        return True

    # --- contents ----------------------------------------------------------------------------

    def unhashed(self, postponed: frozenset[Path] = frozenset()) -> tuple[Unhashed, ...]:
        """The files whose content is to be read, in the order in which to do it.

        First those that somebody wants checked, then those that no name claims a digest for;
        a claim is believed until then. Files that cannot be loaded are not read.
        """
        with self._lock:
            wanted = [f for name in self._wanted for f in self._tables.found.get(name, ())]
            usable = [
                found
                for name, entry in self._tables.entries.items()
                if entry.card is not None and entry.backend == "llama"
                for found in self._tables.found[name]
                if not found.claims
            ]
            usable += [f for f in self._listed if not self._changing.isdisjoint(f.parts)]
        parts = [
            Unhashed(path, part)
            for found in (*wanted, *usable)
            if len(found.parts) == len(found.stamp)
            for path, part in zip(found.parts, found.stamp, strict=True)
            if path not in postponed and not self._digests.get(path, part)
        ]
        return tuple(dict.fromkeys(parts))

    def want_digest(self, name: ModelName) -> None:
        """Has the content of a model read soon, even where its name claims a digest."""
        with self._lock:
            if name not in self._wanted:
                self._wanted.append(name)

    def hashed(self, file: Unhashed, sha256: str) -> None:
        """The content of a file was read in peace: models are told apart, or merged, by it."""
        self._digests.put(file.path, file.part, sha256)
        with self._lock:
            self._changing.discard(file.path)
            self._rebuild()

    def changing(self, path: Path) -> None:
        """The file changed while it was read: it is refused until it rests."""
        with self._lock:
            self._changing.add(path)
            self._rebuild()

    # --- inside ------------------------------------------------------------------------------

    def _known(self, name: str) -> Entry | None:
        with self._lock:
            entries = self._tables.entries
            if entry := entries.get(ModelName(name)):
                return entry
            for entry in entries.values():
                if name == entry.path or name in entry.duplicates:
                    return entry
            meant = self._tables.directory.find(name)
            return None if meant is None else entries[meant]

    def _has_changed(self, entry: Entry) -> bool:
        files = self.files(entry.name)
        return not files or stamp_of(files[0]) != files[0].stamp

    def _read(self, name: ModelName) -> Entry | None:
        """Reads one header and puts what it says into the table; None if the model has gone."""
        with self._reading:
            while True:
                with self._lock:
                    entry = self._tables.entries.get(name)
                    found = self._tables.found.get(name, ())[:1]
                if not found or entry is None or entry.is_read:
                    return entry
                known = _read_known(found[0])
                with self._lock:
                    self._cache.put(found[0].path, known)
                    if self._tables.found.get(name, ())[:1] == found:
                        return self._take(name, found[0], known)

    def _take(self, name: ModelName, found: Found, known: Known) -> Entry:
        self._revision += 1
        if known.refusal and len(self._tables.found[name]) > 1:
            # A copy that can be read takes its place, and its name.
            self._rebuild()
            return next(e for e in self._tables.entries.values() if e.path == str(found.path))
        return self._tables.put(name, lambda entry: with_known(entry, found, known))

    def _rebuild(self) -> None:
        """Makes the tables anew of what was listed, read and hashed. Call it under the lock."""
        self._revision += 1
        self._changing &= {path for found in self._listed for path in found.parts}
        self._tables = Tables.of(
            (
                self._at_rest(found),
                identity_of(found, self._digests),
                self._cache.get(found.path, found.stamp),
            )
            for found in self._listed
        )

    def _at_rest(self, found: Found) -> Found:
        """The find, refused while it is being written."""
        if self._changing.isdisjoint(found.parts):
            return found
        return replace(found, refusal=f"{found.path}: {_CHANGES}", remedy=_CHANGES_REMEDY)


def _with_demonstration(demonstration: Found | None, found: list[Found]) -> list[Found]:
    """It comes first, so that its name is its own, whatever lies in the owner's folders; and once,
    also where its own folder is one of theirs."""
    if demonstration is None:
        return found
    return [demonstration, *(one for one in found if one.stamp != demonstration.stamp)]


def _seen(place: Place, found: Sequence[Found], troubles: Sequence[Trouble]) -> Seen:
    there = [one for one in found if one.place == place]
    return Seen(
        place,
        models=len(there),
        size_bytes=sum(one.size_bytes for one in there),
        troubles=tuple(trouble.message for trouble in troubles if trouble.place == place),
    )


def _read_known(found: Found) -> Known:
    """What the file says, if it still is the one that was listed.

    A card must not stand beside the size of another state of its file. The stamp is the listing's,
    so that the next look notices the change.
    """
    known = _read_now(found)
    stamp = stamp_of(found)
    if stamp in {found.stamp, ()}:
        return known
    return Known(found.stamp, refusal=f"{found.path}: {_CHANGES}", remedy=_CHANGES_REMEDY)


def _read_now(found: Found) -> Known:
    is_toy = found.path.suffix.lower() == TOY_SUFFIX
    try:
        return Known(found.stamp, card=(read_toy if is_toy else read_header)(found.path))
    except ModelFileInvalid as error:
        return Known(
            found.stamp,
            refusal=error.message,
            remedy=error.remedy,
            is_accessory=error.remedy == NOTHING_WRONG,
        )
