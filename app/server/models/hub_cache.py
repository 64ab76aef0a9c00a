"""Hub cache: the models in the cache of Hugging Face, which llama.cpp and others share.

    models--<organisation>--<repository>/refs/main                     the newest revision
                                        /snapshots/<revision>/<file>   links into blobs
                                        /blobs/<SHA-256 of the content>

A file that is being downloaded is a blob that ends in `.incomplete` and has no link. Where links
cannot be made (Windows without developer mode) the files themselves lie in the snapshot.

Source: huggingface_hub's guide to its cache, as of version 1.33.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.core.models.names import Origin, origin_in
from app.server.models.found import Place, is_folder, status_of
from app.server.models.listing import Listing, Walk

PREFIX: Final = "models--"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_REVISION_LENGTH_MAX: Final = 128


def list_hub(listing: Listing, place: Place) -> None:
    """Adds the models of a hub cache."""
    for entry in listing.entries_of(place.path, place):
        if entry.name.startswith(PREFIX):
            _list_repository(listing, place, Path(entry.path))


def repository_of(folder: str) -> tuple[str, str]:
    """Organisation and repository, "" for the first of the few that have none."""
    organisation, separator, repository = folder.removeprefix(PREFIX).partition("--")
    return (organisation, repository) if separator else ("", organisation)


def claim_of(path: Path) -> str:
    """The SHA-256 that a link into the blobs claims for its content; "" for other files.

    Files that are small enough for git are named by git's own hash, which is shorter.
    """
    try:
        target = Path(os.readlink(path))
    except OSError:
        return ""
    is_blob = target.parent.name == "blobs" and _SHA256.fullmatch(target.name)
    return target.name if is_blob else ""


def _list_repository(listing: Listing, place: Place, folder: Path) -> None:
    organisation, repository = repository_of(folder.name)

    def naming(_: Sequence[str], stem: str) -> Origin:
        return origin_in(organisation, repository, stem)

    walk = Walk(place=place, naming=naming, claim=claim_of)
    for snapshot in _snapshots(listing, place, folder):
        listing.walk(snapshot, (), walk)


def _snapshots(listing: Listing, place: Place, folder: Path) -> list[Path]:
    """Those of the cache's own references first, then the newest."""
    snapshots = folder / "snapshots"
    if not is_folder(snapshots):
        # A download that was stopped before its first file was whole.
        return []
    named = _revisions(folder / "refs")
    found = [Path(entry.path) for entry in listing.entries_of(snapshots, place)]
    return sorted(found, key=lambda path: (path.name not in named, -_changed(path), path.name))


def _revisions(refs: Path) -> frozenset[str]:
    """The revisions that `main` and other references name."""
    named: set[str] = set()
    try:
        with os.scandir(refs) as scan:
            # References to pull requests lie in folders of their own.
            for entry in (entry for entry in scan if entry.is_file()):
                with open(entry.path, encoding="utf-8", errors="replace") as file:
                    named.add(file.read(_REVISION_LENGTH_MAX).strip())
    except OSError:
        # Without them the newest snapshot is taken.
        pass
    return frozenset(named)


def _changed(path: Path) -> int:
    status = status_of(path)
    return status.st_mtime_ns if status else 0
