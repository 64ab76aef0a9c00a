"""Removal: deletes a model's files from our own folder, and nothing else.

What another program put on the disk is that program's. A file behind a link that leads out of our
folder is not ours either; a link itself is. A projector goes with the last model that lies beside
it, since it serves nothing then, and so do folders that become empty.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from app.core.base.errors import ModelFileInvalid, NotOurs
from app.core.models.apps import found_in, how_to_delete, is_ours
from app.server.models.entry import Entry
from app.server.models.found import Found
from app.server.models.listing import GGUF_SUFFIX


class Removal(NamedTuple):
    """What is going to be deleted."""

    paths: tuple[Path, ...]
    freed_bytes: int
    """What the disk gets back: nothing for links, and for content that has another hard link."""
    root: Path
    """Our models folder."""


def removal_of(entry: Entry, files: Sequence[Found]) -> Removal:
    """The files of `entry` that are ours, of all its `files`. Raises: NotOurs."""
    ours = [found for found in files if is_ours(found.app) and _lies_within(found)]
    if not ours:
        raise not_ours(entry)
    root = ours[0].place.path
    parts = [path for found in ours for path in found.parts if os.path.lexists(path)]
    paths = dict.fromkeys([*parts, *_orphans(parts)])
    return Removal(tuple(paths), sum(_freed(path) for path in paths), root)


def not_ours(entry: Entry) -> NotOurs:
    """The error that says whose the model is and how to delete it there."""
    message = f"{entry.name} is not Athanor's to delete ({found_in(entry.app)})"
    return NotOurs(message, remedy=deletion_advice(entry))


def deletion_advice(entry: Entry) -> str:
    """Whose each copy is and how to delete it there."""
    lying = [(entry.app, entry.path, entry.names)]
    lying += [(copy.app, copy.path, copy.names) for copy in entry.copies]
    return " ".join(how_to_delete(app, path, names) for app, path, names in lying)


def delete(removal: Removal) -> None:
    """Deletes the files, and folders that are empty then.

    Raises: ModelFileInvalid with the file that stayed; those before it are gone.
    """
    for path in removal.paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ModelFileInvalid(
                f"{path} could not be deleted: {error.strerror}",
                remedy="Close the program that has it open, or delete it yourself.",
            ) from None
    for path in removal.paths:
        for folder in path.parents:
            if folder == removal.root or not folder.is_relative_to(removal.root):
                break
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


def _lies_within(found: Found) -> bool:
    """Whether the folder that holds the files is inside our own, links followed."""
    try:
        return found.path.parent.resolve().is_relative_to(found.place.path.resolve())
    except OSError:
        return False


def _orphans(parts: Sequence[Path]) -> list[Path]:
    """Projectors in the folders of these files, where no other model is left."""
    orphans: list[Path] = []
    for folder in dict.fromkeys(path.parent for path in parts):
        with contextlib.suppress(OSError):
            left = [path for path in folder.iterdir() if path.suffix.lower() == GGUF_SUFFIX]
            left = [path for path in left if path not in parts]
            if all("mmproj" in path.name.lower() for path in left):
                orphans += left
    return orphans


def _freed(path: Path) -> int:
    try:
        status = path.lstat()
    except OSError:
        return 0
    return status.st_size if not path.is_symlink() and status.st_nlink == 1 else 0
