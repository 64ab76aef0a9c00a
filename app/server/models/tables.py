"""Tables: from what was found on the disk to named models, each once.

Files of the same content are one model with copies. Until contents are known, files of the same
name and size are taken for the same; a digest that shows otherwise parts them again. The copy that
comes first in the order of the places is the one that is loaded, unless it cannot be.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, final

from msgspec.structs import replace

from app.core.base.ids import ModelName
from app.core.models.names import Origin, slug, spellings, usual_names
from app.core.models.resolve import Directory, Named, named
from app.server.models.card_cache import Known
from app.server.models.entry import Copy, Entry
from app.server.models.found import Found
from app.server.models.identity import Identity
from app.server.models.toy import SUFFIX as TOY_SUFFIX

ALTERED: Final = "its content is not what its name says: it is damaged or was altered"
_ALTERED_REMEDY: Final = "Delete it where it belongs and download it again."

Judged = tuple[Found, Identity, Known | None]
"""What was found, what is known of its content, and what reading its header gave."""


@final
@dataclass(slots=True)
class Tables:
    """All models by name. Filled once, then changed only by `put`, as headers are read."""

    entries: dict[ModelName, Entry] = field(default_factory=dict)
    found: dict[ModelName, tuple[Found, ...]] = field(default_factory=dict)
    """The files of each model: the one to load, then its copies."""
    directory: Directory = field(default_factory=lambda: Directory(()))
    _named: dict[ModelName, Named] = field(default_factory=dict)

    @classmethod
    def of(cls, judged: Iterable[Judged]) -> "Tables":
        """The tables of what was found, in the order of the places."""
        tables = cls()
        order: dict[ModelName, int] = {}
        # What cannot be loaded is named last, so that a good file of the same name has the name.
        numbered = sorted(enumerate(judged), key=lambda pair: _is_refused(pair[1]))
        by_content: dict[str, ModelName] = {}
        for number, (found, identity, known) in numbered:
            twin = tables._twin(found, identity, known, by_content)
            if twin is not None:
                tables._add_copy(twin, found)
            else:
                twin = tables._add(found, identity, known)
            if _may_merge(found) and identity.sha256 and not _is_refused((found, identity, known)):
                by_content.setdefault(identity.sha256, twin)
            order[twin] = min(number, order.get(twin, number))
        tables.entries = {
            name: tables.entries[name] for name in sorted(order, key=order.__getitem__)
        }
        for entry in list(tables.entries.values()):
            tables._put(entry)
        tables.index()
        return tables

    def put(self, name: ModelName, change: Callable[[Entry], Entry]) -> Entry:
        """Replaces an entry by what `change` makes of it; its spellings follow its card."""
        entry = change(self.entries[name])
        self._put(entry)
        self.index()
        return entry

    def index(self) -> None:
        """Makes the directory anew."""
        self.directory = Directory(self._named[name] for name in self.entries)

    def _twin(
        self,
        found: Found,
        identity: Identity,
        known: Known | None,
        by_content: dict[str, ModelName],
    ) -> ModelName | None:
        """The model that these files are a copy of; None where they are one of their own."""
        if not _may_merge(found) or _is_refused((found, identity, known)):
            return None
        if identity.sha256 and (same := by_content.get(identity.sha256)):
            return same
        twin = self.entries.get(found.origin.canonical)
        if twin is None or twin.refusal or not _may_merge(self.found[twin.name][0]):
            return None
        are_known = bool(twin.sha256 and identity.sha256)
        is_alike = twin.size_bytes == found.size_bytes > 0
        return twin.name if is_alike and not are_known else None

    def _add(self, found: Found, identity: Identity, known: Known | None) -> ModelName:
        name = self._free_name(found.origin)
        entry = Entry(
            name=name,
            path=str(found.path),
            shards=tuple(str(part) for part in found.shards),
            size_bytes=found.size_bytes,
            modified=found.modified,
            backend="toy" if found.path.suffix.lower() == TOY_SUFFIX else "llama",
            app=found.app,
            names=_names(found),
            sha256=identity.sha256,
            proof=identity.proof,
            is_demonstration=found.is_demonstration,
            is_accessory="mmproj" in found.path.name.lower(),
        )
        self.found[name] = (found,)
        self.entries[name] = with_known(entry, found, known)
        return name

    def _add_copy(self, name: ModelName, found: Found) -> None:
        entry = self.entries[name]
        copy = Copy(
            path=str(found.path), app=found.app, size_bytes=found.size_bytes, names=_names(found)
        )
        self.found[name] = (*self.found[name], found)
        self.entries[name] = replace(entry, copies=(*entry.copies, copy))

    def _put(self, entry: Entry) -> None:
        """Lists it, with all spellings; its card adds some."""
        origins = [
            origin for found in self.found[entry.name] for origin in (found.origin, *found.others)
        ]
        spelled = [name for origin in origins for name in spellings(origin, entry.card)]
        quant = next((origin.quant for origin in origins if origin.quant), "")
        quant = quant or (entry.card.quantisation if entry.card else "")
        usual = [name for origin in origins for name in usual_names(origin)]
        usual += [origin.canonical for origin in origins]
        usual += [entry.card.name] if entry.card else []
        aliases = tuple(name for name in dict.fromkeys(usual) if name and name != entry.name)
        self.entries[entry.name] = replace(entry, aliases=aliases)
        self._named[entry.name] = named(
            entry.name,
            spelled,
            quant,
            is_usable=not entry.refusal,
            also=dict.fromkeys(origin.canonical for origin in origins),
        )

    def _free_name(self, origin: Origin) -> ModelName:
        """Its canonical name; if that is taken, with a folder before it, or a number behind."""
        name = origin.canonical
        for folder in (origin.repository, origin.publisher):
            if name in self.entries and folder:
                name = ModelName(f"{slug(folder)}/{name}")
        base, number = name, 2
        while name in self.entries:
            name, number = ModelName(f"{base}~{number}"), number + 1
        return name


def with_known(entry: Entry, found: Found, known: Known | None) -> Entry:
    """The entry with what is known of its file: why it is refused, or its card."""
    if found.refusal:
        return replace(entry, refusal=found.refusal, remedy=found.remedy)
    if entry.proof == "altered":
        refusal = f"{found.path}: {ALTERED}"
        return replace(entry, card=None, refusal=refusal, remedy=_ALTERED_REMEDY)
    if known is None:
        return entry
    return replace(
        entry,
        card=known.card,
        refusal=known.refusal,
        remedy=known.remedy,
        is_accessory=entry.is_accessory or known.is_accessory,
    )


def _is_refused(judged: Judged) -> bool:
    found, identity, known = judged
    is_unreadable = known is not None and bool(known.refusal)
    return bool(found.refusal) or identity.proof == "altered" or is_unreadable


def _may_merge(found: Found) -> bool:
    """What comes with the program keeps to itself, lest it hide a file of the owner's."""
    return not found.is_demonstration


def _names(found: Found) -> tuple[str, ...]:
    """What the program that owns the files calls them."""
    return tuple(name for origin in (found.origin, *found.others) for name in origin.names)
