"""DataFolder: brought to this version's form before anything in it is used, with a copy kept.

`format.json` says in which form the folder is. A newer form is refused with a sentence, and so
nothing of it is changed; an older one is copied to `kept/` and then brought on, one step at a time.
A database has its own number, by which it is migrated when it is opened (database.py): here a copy
is made before, since a version that turns out bad is gone back from, and its databases are not.

Rule: a new step goes to the end of `STEPS`, changes files inside `data` alone, and may be begun
again after a crash in the middle of it. A released step is never edited.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final, final

import msgspec

from app.core.base.errors import AthanorError
from app.server.storage.books_schema import books_migrations, books_version
from app.server.storage.database import migrations
from app.settings.file_lock import lock_file

FORMAT_FILE: Final = "format.json"
KEPT_FOLDER: Final = "kept"
_LOCK_FILE: Final = "format.lock"
_DATABASES: Final = ("athanor.db", "books.db", "pool/pool.db")
_COPY_MARK: Final = ".schema-"
Step = Callable[[Path], None]
"""Brings the folder from one form to the next."""


def _count_from_here(_: Path) -> None:
    """Form 0 had no number; all else in it is as in form 1."""


STEPS: Final[tuple[Step, ...]] = (_count_from_here,)
"""Step n brings form n to form n + 1."""


class DataUnusable(AthanorError):
    """The data folder is of a newer version, or is being brought to another form just now."""

    kind: ClassVar[str] = "data_unusable"


@final
class Format(msgspec.Struct, frozen=True, kw_only=True):
    """What `format.json` says."""

    format: int
    written_by: str
    """The version that brought the folder to this form."""


def ensure_data(data: Path, program: str, *, steps: Sequence[Step] = STEPS) -> None:
    """The folder is in the newest form, and databases that will be migrated have a copy.

    Called before anything in it is opened. Raises: DataUnusable; OSError, as where the disk is
    full: then nothing was changed but the copy.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(data):
        found = check_form(data, program, steps=steps)
        for name in _DATABASES:
            _keep_database(data / name)
        if found.format == len(steps):
            return
        if _has_content(data):
            _keep_folder(data, found.format)
        for step in steps[found.format :]:
            step(data)
        _write(data, Format(format=len(steps), written_by=program))


def check_form(data: Path, program: str, *, steps: Sequence[Step] = STEPS) -> Format:
    """In which form the folder is. Raises: DataUnusable where this version cannot read that."""
    found = _read(data)
    if found.format > len(steps):
        raise DataUnusable(
            f"the data in {data} was written by Athanor {found.written_by}, which is newer "
            f"than this one ({program})",
            remedy="Update Athanor; or begin with an empty folder, by ATHANOR_HOME. What the "
            f"newer version kept of the old data, if anything, is in {data / KEPT_FOLDER}.",
        )
    return found


def copies_of(database: Path) -> list[Path]:
    """The copies that were made of a database before it was migrated."""
    return sorted(database.parent.glob(f"{database.name}{_COPY_MARK}*"))


# --- the form of the folder --------------------------------------------------------------------


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    """A node and the host of a pool have one folder, and may be started at one moment."""
    file = os.open(data / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            lock_file(file)
        except OSError:
            raise DataUnusable(
                f"the data in {data} is being brought to a new form by another process",
                remedy="Start again when it is done, in a minute at most.",
            ) from None
        yield
    finally:
        os.close(file)


def _read(data: Path) -> Format:
    try:
        return msgspec.json.decode((data / FORMAT_FILE).read_bytes(), type=Format)
    except FileNotFoundError:
        return Format(format=0, written_by="")
    except msgspec.DecodeError as error:
        raise DataUnusable(
            f"{data / FORMAT_FILE} cannot be read: {error}",
            remedy=f"Delete it if this is the version that wrote {data}.",
        ) from None


def _write(data: Path, form: Format) -> None:
    beside = data / f".{FORMAT_FILE}.new"
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(form) + b"\n")
        file.flush()
        # Else a power cut can leave it empty, and no version would open the folder any more.
        os.fsync(file.fileno())
    beside.replace(data / FORMAT_FILE)


def _has_content(data: Path) -> bool:
    return any(name != _LOCK_FILE for _, name in _small_files(data))


def _small_files(data: Path) -> Iterator[tuple[Path, str]]:
    """What is ours and has a form: the files in the folder itself and in the host's.

    Models and what is downloaded have folders of their own, and no form of ours.
    """
    for folder in (data, data / "pool"):
        for file in sorted(folder.glob("*")):
            is_copy = _COPY_MARK in file.name
            # The log and the index of an open database are in what SQLite's backup writes.
            if file.is_file() and not is_copy and not file.name.endswith(("-wal", "-shm")):
                yield file, file.relative_to(data).as_posix()


def _keep_folder(data: Path, form: int) -> None:
    """A copy in `kept/format-N`. One that is there already is whole, and of before the crash."""
    kept = data / KEPT_FOLDER / f"format-{form}"
    if kept.exists():
        return
    beside = kept.with_name(f".{kept.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=0o700)
    for file, name in _small_files(data):
        if name == _LOCK_FILE:
            continue
        target = beside / name
        target.parent.mkdir(exist_ok=True, mode=0o700)
        if file.suffix == ".db":
            _back_up(file, target)
        else:
            shutil.copy2(file, target)
    beside.rename(kept)


# --- databases ---------------------------------------------------------------------------------


def _keep_database(database: Path) -> None:
    """A copy beside it, if it will be migrated; the copies of migrations before then go."""
    try:
        older = _older(database)
    except sqlite3.Error:
        return  # whoever opens it says what is wrong with it
    if not older:
        return
    copy = database.with_name(f"{database.name}{_COPY_MARK}{older}")
    if copy.exists():
        return  # of a migration that was broken off
    beside = database.with_name(f".{copy.name}.new")
    beside.unlink(missing_ok=True)
    _back_up(database, beside)
    beside.replace(copy)
    for old in copies_of(database):
        if old != copy:
            old.unlink()


def _older(database: Path) -> str:
    """The numbers of a database that this version will migrate, such as "4" or "2-1"; else ""."""
    if not database.is_file() or not database.stat().st_size:
        return ""
    with _reading(database) as read:
        ((number,),) = read.execute("pragma user_version").fetchall()
        books = books_version(read)
    newest = len(migrations("host" if database.parent.name == "pool" else "node"))
    is_older = 0 < number < newest or 0 < books < len(books_migrations())
    if not is_older:
        return ""
    return f"{number}-{books}" if books else str(number)


def _back_up(source: Path, target: Path) -> None:
    """By SQLite itself, which reads what its log still holds; of what is no database, the bytes.

    Raises: DataUnusable.
    """
    target.touch(mode=0o600)
    try:
        with _reading(source) as read, contextlib.closing(sqlite3.connect(target)) as written:
            read.backup(written)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            shutil.copy2(source, target)
            return  # whoever opens it says what is wrong with it
        raise DataUnusable(
            f"{source} is to be brought to a new form, and no copy of it can be made: {error}",
            remedy="Free some room on its disk, then start again. Nothing was changed.",
        ) from None


def _reading(database: Path) -> contextlib.closing[sqlite3.Connection]:
    """A connection that changes nothing; closed at the end of the block."""
    address = f"{database.absolute().as_uri()}?mode=ro"
    return contextlib.closing(sqlite3.connect(address, uri=True))
