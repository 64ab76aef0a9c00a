"""Places: where models are looked for, for the server and for commands that run without it."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Final

from app.server.models.found import Place
from app.server.models.library import Library
from app.server.models.other_apps import System, places_of_apps
from app.server.models.starter import Starter
from app.settings.assets import assets_folder
from app.settings.paths import Paths, spelled_out
from app.settings.schema import Settings

_SETTINGS_BYTES_MAX: Final = 2**20
"""What is read of another program's settings file."""


def open_library(settings: Settings, paths: Paths) -> Library:
    """The library of our own folder, of those that the owner named, of other programs, and of what
    comes with the program; not scanned yet."""
    return Library(
        owners_places(settings.models.folders, paths),
        cache_file=paths.cards_file,
        digests_file=paths.digests_file,
        starter=Starter(assets_folder()) if settings.models.starter else None,
        others=other_places if settings.models.other_apps else tuple,
    )


def owners_places(folders: Sequence[str], paths: Paths) -> tuple[Place, ...]:
    """Our own folder, then those that the owner named."""
    # Ours is made by the first server; that a command runs before it is no trouble to tell of.
    ours = [Place(paths.models, "athanor")] if paths.models.exists() else []
    return (*ours, *(Place(spelled_out(folder)) for folder in folders))


def other_places(
    environment: Mapping[str, str] | None = None, home: Path | None = None
) -> tuple[Place, ...]:
    """The folders of other programs that exist on this machine, also those that may not be read."""
    found = places_of_apps(
        _system(),
        os.environ if environment is None else environment,
        home or Path.home(),
        _read,
    )
    return tuple(
        Place(Path(place.path), place.app, place.layout)
        for place in found
        if _is_there(Path(place.path))
    )


def _is_there(path: Path) -> bool:
    """Whether there is a folder; one that may not be asked for counts, so that it can be told."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _read(path: PurePath) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_SETTINGS_BYTES_MAX).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _system() -> System:
    if sys.platform == "win32":
        return "windows"
    return "macos" if sys.platform == "darwin" else "linux"
