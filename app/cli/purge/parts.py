"""Parts: what Athanor leaves on a machine, each with its size, and how each is taken away.

Only our own folders, and in a folder that we share with the owner (`ATHANOR_HOME`) only what is
ours by name. A part that is a link to elsewhere loses the link: what it leads to may be another's.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, final

import msgspec

from app.settings.autostart.autostart import Switch
from app.settings.links.links import LinkSwitch
from app.settings.paths import Paths

Name = Literal["settings", "data", "models", "pool", "cache", "logs", "autostart", "links"]

WORDS: Final[dict[Name, str]] = {
    "settings": "what you set",
    "data": "API keys, history, this machine's key in pools, and what it earned there",
    "models": "models in Athanor's own folder",
    "pool": "the pool that this machine hosts: its accounts, its books and its key",
    "cache": "what can be made or fetched again, new versions and back ends too",
    "logs": "logs",
    "autostart": "starting with the computer",
    "links": "opening athanor:// links",
}
_PROGRAM: Final = "athanor"
KEPT_UNLESS_ASKED: Final = frozenset({"models", "pool"})
"""Hours of downloads, and other people's credits."""


@final
class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is there."""

    name: Name
    paths: tuple[str, ...]
    bytes: int
    files: int


def parts_of(paths: Paths, autostart: Switch, links: LinkSwitch) -> Iterator[Part]:
    """What there is, in a fixed order."""
    for name, places in _places(paths).items():
        there = [place for place in places if _exists(place)]
        if there:
            sizes = [_size(place) for place in there]
            yield Part(
                name=name,
                paths=tuple(map(str, there)),
                bytes=sum(size for size, _ in sizes),
                files=sum(count for _, count in sizes),
            )
    # What the desktop switched off is still there.
    if autostart.is_there:
        yield Part(name="autostart", paths=(autostart.state().where,), bytes=0, files=1)
    if own := links.own:
        yield Part(name="links", paths=(own,), bytes=0, files=1)


def take_away(part: Part, autostart: Switch, links: LinkSwitch) -> list[str]:
    """Deletes a part; what could not be deleted, each with the reason."""
    left: list[str] = []

    def note(path: str, error: OSError) -> None:
        left.append(f"{path}: {error.strerror or error}")

    match part.name:
        case "autostart":
            _attempt(lambda: autostart.turn(on=False), part.paths[0], note)
        case "links":
            _attempt(lambda: links.turn(on=False), part.paths[0], note)
        case _:
            for path in map(Path, part.paths):
                _delete(path, note)
    return left


def tidy(paths: Paths) -> None:
    """The folders that became empty go too; any other stays, with whatever else is in it."""
    ours = [paths.runtime, paths.models, paths.pool, paths.data, paths.config_file.parent]
    # Some systems have caches and logs in a folder with our name, others in one of all programs.
    for folder in (paths.cache.parent, paths.logs.parent):
        ours += [folder] if folder.name.lower() == _PROGRAM else []
    for folder in ours:
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()


def _places(paths: Paths) -> dict[Name, list[Path]]:
    packs = paths.runtimes
    ours = {paths.models, paths.pool, paths.runtime}
    data = sorted(paths.data.iterdir()) if paths.data.is_dir() else []
    return {
        "settings": [paths.config_file],
        "data": [each for each in data if each not in {*ours, packs}],
        "models": [paths.models],
        "pool": [paths.pool],
        "cache": [paths.cache, packs],
        "logs": [paths.logs],
    }


def _exists(path: Path) -> bool:
    if path.is_symlink() or path.is_file():
        return True
    return path.is_dir() and any(path.iterdir())


def _size(path: Path) -> tuple[int, int]:
    """Bytes and files, links not followed."""
    if path.is_symlink() or not path.is_dir():
        return (path.lstat().st_size, 1)
    sizes = []
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                sizes.append((Path(folder) / name).lstat().st_size)
            except OSError:
                continue  # it went meanwhile
    return sum(sizes), len(sizes)


def _delete(path: Path, note: Callable[[str, OSError], None]) -> None:
    def on_error(_: object, failed: str, info: object) -> None:
        error = info[1] if isinstance(info, tuple) else info
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            note(failed, error)

    if path.is_symlink() or not path.is_dir():
        _attempt(path.unlink, str(path), note)
    else:
        shutil.rmtree(path, onerror=on_error)


def _attempt(act: Callable[[], object], where: str, note: Callable[[str, OSError], None]) -> None:
    try:
        act()
    except FileNotFoundError:
        return
    except OSError as error:
        note(where, error)


def names_of(parts: Iterable[Part]) -> str:
    """For a sentence."""
    return ", ".join(part.name for part in parts)
