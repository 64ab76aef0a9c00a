"""Places: where models are looked for, for the server and for commands that run without it."""

from pathlib import Path

from app.server.models.library import Library
from app.server.models.starter import Starter
from app.settings.assets import assets_folder
from app.settings.paths import Paths
from app.settings.schema import Settings


def open_library(settings: Settings, paths: Paths) -> Library:
    """The library of our own folder, of those that the owner named, and of what comes with the
    program; not scanned yet."""
    # Ours is made by the first server; that a command runs before it is no trouble to tell of.
    ours = [paths.models] if paths.models.exists() else []
    named = [Path(folder).expanduser() for folder in settings.models.folders]
    starter = Starter(assets_folder()) if settings.models.starter else None
    return Library((*ours, *named), cache_file=paths.cards_file, starter=starter)
