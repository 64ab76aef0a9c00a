"""The models on this machine as the server would find them, without asking it."""

import sys
from pathlib import Path

from app.cli.output import stderr
from app.server.models.library import Library
from app.settings.paths import Paths
from app.settings.schema import Settings


def read_library(paths: Paths, settings: Settings) -> Library:
    """Every model with its header read, which takes a moment a file the first time."""
    library = Library(_places(paths, settings), cache_file=paths.cache / "cards.json")
    library.scan()
    if not sys.stderr.isatty():
        while library.read_next():
            pass
        return library
    with stderr().status("reading headers", spinner="dots") as status:
        while library.read_next():
            read = sum(entry.is_read for entry in library.entries())
            status.update(f"reading headers: {read} of {len(library.entries())}")
    return library


def _places(paths: Paths, settings: Settings) -> tuple[Path, ...]:
    return (paths.models, *(Path(folder).expanduser() for folder in settings.models.folders))
