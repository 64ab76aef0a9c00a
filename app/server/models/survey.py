"""Survey: every place listed, each by the layout of the program that owns it."""

from collections.abc import Iterable

from app.server.models.found import Place
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
    is_named_so = path.suffix.lower() in {GGUF_SUFFIX, TOY_SUFFIX} and not path.is_dir()
    if is_named_so or path.is_file():  # a model of another program may lack the suffix
        listing.add_file(place)
        return
    # Somebody who adds a cache as a folder means its models, by their names.
    if (path / "manifests").is_dir() and (path / "blobs").is_dir():
        list_ollama(listing, place)
    if any(path.glob(f"{PREFIX}*")):
        list_hub(listing, place)
    listing.add_folder(place)
