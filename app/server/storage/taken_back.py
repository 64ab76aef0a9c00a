"""TakenBack: what a newer version changed of the data, and never served by, is as it was before.

A version brings the data folder to its own form before it serves. If it then never does and the
version before is put back, that one could not read what is there. The copies that were made of the
data before it was changed (data_folder.py) are put back, and the changed files go to `kept/newer`.

Rule: only for a version that has never served: nobody's work is in what it wrote.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from app.server.storage.books_schema import books_migrations, books_version
from app.server.storage.data_folder import (
    FORMAT_FILE,
    KEPT_FOLDER,
    STEPS,
    Format,
    Step,
    copies_of,
)
from app.server.storage.database import migrations

ASIDE: Final = "newer"
_DATABASES: Final = {"athanor.db": "node", "books.db": "node", "pool/pool.db": "host"}
_LOGS: Final = ("", "-wal", "-shm")


def take_back(data: Path, *, steps: Sequence[Step] = STEPS) -> tuple[str, ...]:
    """The names of what was put back; () where nothing is newer than this version can read.

    Called before anything in the folder is opened. Raises: OSError; what was moved aside is then
    in `kept/newer` still.
    """
    aside = data / KEPT_FOLDER / ASIDE
    names = (*_folder(data, aside, len(steps)), *_databases(data, aside))
    return tuple(dict.fromkeys(names))


def _folder(data: Path, aside: Path, form: int) -> Iterator[str]:
    """Every small file, where the folder is in a newer form and a copy of ours is kept."""
    kept = data / KEPT_FOLDER / f"format-{form}"
    if _form_of(data) <= form or not kept.is_dir():
        return
    _move(data, FORMAT_FILE, aside)
    for copy in sorted(path for path in kept.rglob("*") if path.is_file()):
        name = copy.relative_to(kept).as_posix()
        _move(data, name, aside)
        shutil.copy2(copy, data / name)
        yield name


def _databases(data: Path, aside: Path) -> Iterator[str]:
    for name, role in _DATABASES.items():
        database = data / name
        if not _is_newer(database, role):
            continue
        copy = next((copy for copy in copies_of(database) if not _is_newer(copy, role)), None)
        if copy is not None:
            _move(data, name, aside)
            shutil.copy2(copy, database)
            yield name


def _form_of(data: Path) -> int:
    try:
        return msgspec.json.decode((data / FORMAT_FILE).read_bytes(), type=Format).format
    except (OSError, msgspec.DecodeError):
        return 0


def _is_newer(database: Path, role: str) -> bool:
    """Whether this version cannot read it since a later one wrote it."""
    if not database.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as read:
            ((number,),) = read.execute("pragma user_version").fetchall()
            books = books_version(read)
    except sqlite3.Error:
        return False
    newest = len(migrations("host" if role == "host" else "node"))
    return bool(number > newest or books > len(books_migrations()))


def _move(data: Path, name: str, aside: Path) -> None:
    """The file, and what belongs to an open database, out of the way."""
    for end in _LOGS:
        file = data / f"{name}{end}"
        if file.is_file():
            target = aside / f"{name}{end}"
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.replace(target)
