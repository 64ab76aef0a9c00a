"""llama.cpp's cache: files that `-hf` and `--model-url` downloaded.

Until March 2026 they lie flat in one folder, `<organisation>_<repository>_<file>`, with
`manifest=<organisation>=<repository>=<tag>.json` beside them, which is the hub's answer and knows
name, size and SHA-256. Since then llama.cpp uses the layout of Hugging Face's cache, in the folder
that LLAMA_CACHE names or in that cache itself; both may lie in one folder. A download under way
ends in `.downloadInProgress`.

Source: llama.cpp common/download.cpp and common/hf-cache.cpp; pull requests 19828, 20775, 21009.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.models.names import Origin, origin_in, origin_of
from app.server.models.found import Place
from app.server.models.hub_cache import list_hub
from app.server.models.listing import Listing, Walk
from app.server.models.shards import shard_of

MANIFEST_BYTES_MAX: Final = 2**20

_MANIFEST: Final = re.compile(r"manifest=(?P<organisation>[^=]+)=(?P<repository>[^=]+)=.*\.json")
_FLAT: Final = re.compile(
    r"(?P<organisation>[^_]+)_(?P<repository>.+?[-_.]gguf)_(?P<stem>.+)", re.I
)
"""A flat name without its manifest: repositories of GGUFs are usually called so."""


class _Lfs(msgspec.Struct, frozen=True):
    sha256: str = ""


class _File(msgspec.Struct, frozen=True):
    rfilename: str
    lfs: _Lfs = _Lfs()


class _Manifest(msgspec.Struct, frozen=True, rename={"file": "ggufFile"}):
    file: _File | None = None


@final
@dataclass(frozen=True, slots=True)
class _Flat:
    """What the manifests say: origins by the stem of the flat name, digests by the whole name."""

    origins: Mapping[str, Origin]
    digests: Mapping[str, str]


def list_llama_cache(listing: Listing, place: Place) -> None:
    """Adds the models of llama.cpp's cache, of either layout."""
    list_hub(listing, place)
    flat = _read_manifests(listing, place)

    def naming(_: Sequence[str], stem: str) -> Origin:
        return flat.origins.get(stem) or flat_origin(stem)

    def claim(path: Path) -> str:
        return flat.digests.get(path.name, "")

    listing.walk(place.path, (), Walk(place=place, naming=naming, claim=claim, depth_max=0))


def flat_origin(stem: str) -> Origin:
    """What a flat name alone says."""
    match = _FLAT.fullmatch(stem)
    if match is None:
        return origin_of((), stem)
    return origin_in(match["organisation"], match["repository"], match["stem"])


def _read_manifests(listing: Listing, place: Place) -> _Flat:
    origins: dict[str, Origin] = {}
    digests: dict[str, str] = {}
    for entry in listing.entries_of(place.path, place):
        named = _MANIFEST.fullmatch(entry.name)
        manifest = _read(Path(entry.path)) if named else None
        if named is None or manifest is None or manifest.file is None:
            continue
        file = manifest.file
        prefix = f"{named['organisation']}_{named['repository']}_"
        flat = prefix + file.rfilename.replace("/", "_")
        name = file.rfilename.rpartition("/")[2]
        shard, flat_shard = shard_of(name), shard_of(flat)
        stem = shard.stem if shard else Path(name).stem
        flat_stem = flat_shard.stem if flat_shard else Path(flat).stem
        origins[flat_stem] = origin_in(named["organisation"], named["repository"], stem)
        digests[flat] = file.lfs.sha256
    return _Flat(origins, digests)


def _read(path: Path) -> _Manifest | None:
    """One manifest; None for what is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MANIFEST_BYTES_MAX)
        return msgspec.json.decode(content, type=_Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
