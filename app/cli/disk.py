"""The models on this machine as the server would find them, without asking it."""

from collections.abc import Callable
from pathlib import Path

from app.server.models.library import Library
from app.settings.paths import Paths
from app.settings.schema import Settings


def read_library(
    paths: Paths, settings: Settings, on_read: Callable[[int, int], None] = lambda *_: None
) -> Library:
    """Every model with its header read, which takes a moment a file the first time.

    `on_read` is told how many are read, and of how many.
    """
    library = Library(_places(paths, settings), cache_file=paths.cache / "cards.json")
    library.scan()
    while library.read_next():
        entries = library.entries()
        on_read(sum(entry.is_read for entry in entries), len(entries))
    return library


def _places(paths: Paths, settings: Settings) -> tuple[Path, ...]:
    return (paths.models, *(Path(folder).expanduser() for folder in settings.models.folders))
