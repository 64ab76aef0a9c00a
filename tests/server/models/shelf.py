"""Shelf: small real models put into folders, and a library over them."""

from pathlib import Path

from app.server.models.found import Place
from app.server.models.library import Library
from tests.server.models.assemble import STRING, Gguf, Tensor, scalar


def put(path: Path, *, name: str = "Small", extra: int = 0) -> Path:
    """A valid model at `path`; `extra` numbers make it another size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = Gguf()
    file.keys[1] = scalar("general.name", STRING, name)
    if extra:
        file.tensors.append(Tensor("extra.weight", (8, extra)))
    return file.write(path)


def scanned(
    *places: Path | Place, cache_file: Path | None = None, digests_file: Path | None = None
) -> Library:
    library = Library(places, cache_file=cache_file, digests_file=digests_file)
    library.scan()
    return library


def read_all(library: Library) -> Library:
    while library.read_next():
        pass
    return library


def names(library: Library) -> list[str]:
    return [entry.name for entry in library.entries()]
