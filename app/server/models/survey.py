"""Survey: every place listed, each by the layout of the program that owns it."""

import os
from collections.abc import Iterable
from pathlib import Path

from app.server.models.found import Place, is_file, is_folder
from app.server.models.hub_cache import PREFIX, list_hub
from app.server.models.listing import GGUF_SUFFIX, Listing
from app.server.models.llama_cache import list_llama_cache
from app.server.models.ollama_store import list_ollama
from app.server.models.toy import SUFFIX as TOY_SUFFIX


def survey(places: Iterable[Place]) -> Listing:
    """The models in folders, and files, in their order. A `.toy` counts only if named itself."""
    listing = Listing()
    for place in places:
        listing.places.append(place)
        match place.layout:
            case "folder":
                _add(listing, place)
            case "hub":
                list_hub(listing, place)
            case "llama.cpp":
                list_llama_cache(listing, place)
            case "ollama":
                list_ollama(listing, place)
    return listing


def _add(listing: Listing, place: Place) -> None:
    path = place.path
    is_named_so = path.suffix.lower() in {GGUF_SUFFIX, TOY_SUFFIX} and not is_folder(path)
    if is_named_so or is_file(path):  # a model of another program may lack the suffix
        listing.add_file(place)
        return
    # Somebody who adds a cache as a folder means its models, by their names.
    if is_folder(path / "manifests") and is_folder(path / "blobs"):
        list_ollama(listing, place)
    if _is_hub(path):
        list_hub(listing, place)
    listing.add_folder(place)


def _is_hub(path: Path) -> bool:
    """Whether somebody keeps repositories there as Hugging Face does."""
    try:
        with os.scandir(path) as scan:
            return any(entry.name.startswith(PREFIX) for entry in scan)
    except OSError:
        # The listing tells of it.
        return False
