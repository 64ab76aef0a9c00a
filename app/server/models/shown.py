"""Shown: the library as the local API and the terminal show it. Pure.

Names of files come from strangers. They are data here and passed on as they are: whoever shows
them escapes them, as JSON, HTML or a terminal needs.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from app.core.models.abilities import expected_abilities
from app.core.models.apps import App, found_in, is_ours, title
from app.core.models.card import ModelCard
from app.server.models.entry import Copy, Entry
from app.server.models.hasher import Progress
from app.server.models.library import Seen
from app.server.models.removal import deletion_advice
from app.wire.library import (
    DigestState,
    FolderPicture,
    HashingPicture,
    LibraryCopy,
    LibraryModel,
)
from app.wire.local import ModelStatus

_LOCKED = "Permission denied"


def shown_model(
    entry: Entry,
    *,
    status: ModelStatus = "unloaded",
    progress: Progress | None = None,
    is_hashed: bool = False,
) -> LibraryModel:
    """One model. `is_hashed`: a hasher runs, so what has no digest waits for one."""
    digest, hashed_bytes = _digest(entry, progress, is_hashed=is_hashed)
    may_delete = is_ours(entry.app) or any(is_ours(copy.app) for copy in entry.copies)
    shown = LibraryModel(
        name=entry.name,
        path=entry.path,
        shards=entry.shards,
        origin=entry.app,
        found=found_in(entry.app),
        size_bytes=entry.size_bytes,
        modified_at=entry.modified,
        is_read=entry.is_read,
        is_demonstration=entry.is_demonstration,
        status=status,
        refusal=entry.refusal,
        remedy=entry.remedy,
        aliases=entry.aliases,
        sha256=entry.sha256,
        digest=digest,
        hashed_bytes=hashed_bytes,
        copies=shown_copies(entry.copies),
        may_delete=may_delete,
        how_to_delete="" if may_delete else deletion_advice(entry),
    )
    return shown if entry.card is None else _with_card(shown, entry.card)


def shown_copies(copies: Iterable[Copy]) -> tuple[LibraryCopy, ...]:
    """Where else a model lies."""
    return tuple(
        LibraryCopy(
            path=copy.path,
            origin=copy.app,
            found=found_in(copy.app),
            size_bytes=copy.size_bytes,
        )
        for copy in copies
    )


def parted(models: Iterable[LibraryModel]) -> tuple[tuple[LibraryModel, ...], ...]:
    """Those that can be loaded, and those that cannot."""
    every = tuple(models)
    usable = tuple(model for model in every if not model.refusal)
    return usable, tuple(model for model in every if model.refusal)


def shown_folder(seen: Seen, *, is_removable: bool) -> FolderPicture:
    """One place."""
    place = seen.place
    return FolderPicture(
        path=str(place.path),
        origin=place.app,
        title=title(place.app),
        models=seen.models,
        size_bytes=seen.size_bytes,
        is_removable=is_removable,
        troubles=seen.troubles,
        remedy=_remedy(place.app, seen.troubles),
    )


def shown_progress(progress: Progress | None) -> HashingPicture | None:
    """How far the reading of contents is; None while nothing is read."""
    if progress is None:
        return None
    return HashingPicture(
        path=str(progress.path),
        bytes_done=progress.bytes_done,
        bytes_total=progress.bytes_total,
        files_left=progress.files_left,
        bytes_left=progress.bytes_left,
    )


def _with_card(shown: LibraryModel, card: ModelCard) -> LibraryModel:
    return replace(
        shown,
        title=card.name,
        quantization=card.quantisation,
        architecture=card.architecture,
        parameters=card.parameters,
        context_trained=card.context_trained,
        licence=card.licence,
        capabilities=expected_abilities(card),
        is_embedding=card.is_embedding,
        has_chat_template=card.has_chat_template,
    )


def _digest(entry: Entry, progress: Progress | None, *, is_hashed: bool) -> tuple[DigestState, int]:
    paths = (entry.path, *entry.shards)
    if progress is not None and str(progress.path) in paths and entry.proof != "computed":
        return "hashing", progress.bytes_done
    if entry.proof != "none":
        return entry.proof, 0
    will_be = is_hashed and entry.card is not None and entry.backend == "llama"
    return ("waiting" if will_be else "unknown"), 0


def _remedy(app: App, troubles: Sequence[str]) -> str:
    if not any(_LOCKED in trouble for trouble in troubles):
        return "Plug in its disk, or take it out of the list." if troubles else ""
    if app == "ollama":
        return (
            "Ollama's service keeps its models as a user of its own. Let your user read them: "
            "`sudo usermod -aG ollama $USER` and `sudo chmod -R g+rX` on the folder; then log in "
            "again."
        )
    return "Give your user the right to read it."
