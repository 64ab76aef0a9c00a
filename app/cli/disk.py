"""The models on this machine as the server would find them, without asking it."""

from collections.abc import Callable
from pathlib import Path

from app.core.base.errors import ModelFileInvalid
from app.server.models.library import Library
from app.server.models.places import open_library
from app.server.models.shown import parted, shown_folder, shown_model
from app.settings.paths import Paths, spelled_out
from app.settings.schema import Settings
from app.wire.library import LibraryPicture


def read_library(
    paths: Paths, settings: Settings, on_read: Callable[[int, int], None] = lambda *_: None
) -> Library:
    """Every model with its header read, which takes a moment a file the first time.

    `on_read` is told how many are read, and of how many.
    """
    library = open_library(settings, paths)
    library.scan()
    while library.read_next():
        entries = library.entries()
        on_read(sum(entry.is_read for entry in entries), len(entries))
    return library


def read_picture(
    paths: Paths, settings: Settings, on_read: Callable[[int, int], None] = lambda *_: None
) -> LibraryPicture:
    """The library as the server would show it, with every header read; `on_read` as above."""
    library = read_library(paths, settings, on_read)
    removable = {str(spelled_out(folder)) for folder in settings.models.folders}
    usable, broken = parted(shown_model(entry) for entry in library.entries())
    return LibraryPicture(
        is_serving=False,
        models=usable,
        broken=broken,
        folders=tuple(
            shown_folder(seen, is_removable=str(seen.place.path) in removable)
            for seen in library.places()
        ),
        troubles=library.troubles(),
    )


def check_file(path: Path, paths: Paths) -> None:
    """Raises ModelFileInvalid where the file cannot be loaded, or the folder not be read."""
    library = Library((path,), cache_file=paths.cards_file)
    library.scan()
    for trouble in library.troubles():
        raise ModelFileInvalid(trouble, remedy="Name a GGUF file, or a folder of them.")
    for entry in library.entries() if path.is_file() else ():
        library.card(entry.name)
