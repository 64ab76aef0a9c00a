"""Places: where models are looked for, for the server and for commands that run without it."""

from pathlib import Path

from app.server.models.library import Library
from app.settings.paths import Paths
from app.settings.schema import Settings


def open_library(settings: Settings, paths: Paths) -> Library:
    """The library of our own folder and of those that the owner named; not scanned yet."""
    # Ours is made by the first server; that a command runs before it is no trouble to tell of.
    ours = [paths.models] if paths.models.exists() else []
    named = [Path(folder).expanduser() for folder in settings.models.folders]
    return Library((*ours, *named), cache_file=paths.cards_file)
