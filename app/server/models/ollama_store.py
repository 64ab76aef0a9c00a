"""Ollama's store: its models are plain GGUFs, named by their digest, which a manifest points to.

    manifests/<host>/<namespace>/<name>/<tag>     JSON: layers with kind, digest and size
    blobs/sha256-<digest>                         the layer of kind "model" is a GGUF

Several tags may point to one blob: then they are names of one model. What else a manifest has
(prompt, parameters, template in Go's language) is left alone: the GGUF has its own template. An
adapter cannot be left alone, since the answers would be those of another model.

Source: ollama server/internal/manifest and docs/faq; the layout is the same on all systems.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.models.names import Origin, origin_in_ollama
from app.server.models.found import (
    STILL_DOWNLOADED,
    Found,
    Place,
    is_file,
    is_folder,
    part_of,
    status_of,
)
from app.server.models.listing import Listing, leads_to_folder

MANIFEST_BYTES_MAX: Final = 2**20
"""Real ones have a few kilobytes."""

_DEPTH: Final = 4
_KIND: Final = "application/vnd.ollama.image."
_DIGEST: Final = re.compile(r"sha256[:-](?P<digest>[0-9a-f]{64})")
_PULL_AGAIN: Final = "Let Ollama repair it: `ollama pull {name}`."


class _Layer(msgspec.Struct, frozen=True, rename={"kind": "mediaType"}):
    kind: str
    digest: str
    size: int = 0


class _Manifest(msgspec.Struct, frozen=True):
    layers: tuple[_Layer, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class _Tagged:
    """One manifest: a name, and the model that it points to."""

    origin: Origin
    digest: str
    size_bytes: int
    has_adapter: bool


def list_ollama(listing: Listing, place: Place) -> None:
    """Adds the models of an Ollama store."""
    by_model: dict[tuple[str, bool], list[_Tagged]] = defaultdict(list)
    for tagged in _manifests(listing, place):
        by_model[tagged.digest, tagged.has_adapter].append(tagged)
    for tags in by_model.values():
        _add(listing, place, tags)


def _manifests(listing: Listing, place: Place) -> Iterator[_Tagged]:
    manifests = place.path / "manifests"
    if not is_folder(manifests):
        # Installed, and nothing pulled yet; or a folder that may not be entered, which is told.
        list(listing.entries_of(place.path, place))
        return
    for parts, path in _files(listing, place, manifests, ()):
        host, namespace, name, tag = parts
        manifest = _read(path)
        weights = [layer for layer in manifest.layers if layer.kind == f"{_KIND}model"]
        digest = _DIGEST.fullmatch(weights[0].digest) if len(weights) == 1 else None
        if digest is not None:
            yield _Tagged(
                origin_in_ollama(host, namespace, name, tag),
                digest["digest"],
                weights[0].size,
                any(layer.kind == f"{_KIND}adapter" for layer in manifest.layers),
            )


def _files(
    listing: Listing, place: Place, folder: Path, below: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Path]]:
    """The manifests, each with the four words of its name."""
    for entry in listing.entries_of(folder, place):
        parts = (*below, entry.name)
        if len(parts) < _DEPTH and leads_to_folder(entry):
            yield from _files(listing, place, Path(entry.path), parts)
        elif len(parts) == _DEPTH and not leads_to_folder(entry):
            yield parts, Path(entry.path)


def _read(path: Path) -> _Manifest:
    """One manifest; one without layers for what is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MANIFEST_BYTES_MAX)
        return msgspec.json.decode(content, type=_Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _Manifest()


def _add(listing: Listing, place: Place, tags: Sequence[_Tagged]) -> None:
    # `latest` says least, so any other tag gives the name.
    first, *others = sorted(tags, key=lambda tagged: not tagged.origin.tag)
    path = _blob(place.path, first.digest)
    status = status_of(path)
    name = first.origin.names[0]
    refusal, remedy = "", _PULL_AGAIN.format(name=name)
    if status is None:
        refusal = "its weights are missing"
    elif first.size_bytes and status.st_size != first.size_bytes:
        refusal = f"it has {status.st_size} of {first.size_bytes} bytes"
        remedy = STILL_DOWNLOADED
    elif first.has_adapter:
        refusal = "it is a model with an adapter, which Athanor does not apply"
        remedy = "Run it in Ollama."
    if status is not None and not first.has_adapter and not listing.is_new(status):
        return
    listing.found.append(
        Found(
            path=path,
            origin=first.origin,
            stamp=() if status is None else (part_of(status),),
            place=place,
            others=tuple(tagged.origin for tagged in others),
            claims=(first.digest,),
            refusal=f"{name}: {refusal}" if refusal else "",
            remedy=remedy if refusal else "",
        )
    )


def _blob(store: Path, digest: str) -> Path:
    """Older versions wrote a colon where newer ones write a hyphen."""
    older = store / "blobs" / f"sha256:{digest}"
    newer = store / "blobs" / f"sha256-{digest}"
    return older if not is_file(newer) and is_file(older) else newer
