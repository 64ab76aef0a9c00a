"""Variants: the GGUF files of a repository, as the models that they are.

Parts of a split model are one variant; projectors and matrices, which are no models, are left out;
so is what has a name or a hash that cannot be trusted, each with its reason.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from app.core.base.errors import RemoteNotFound
from app.core.downloads.download import File
from app.core.downloads.safe_names import placed_name, refusal_of
from app.core.models.names import origin_of
from app.server.models.shards import Shard, shard_of
from app.wire.download import RemoteFile

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NO_MODEL: Final = re.compile(
    r"^(mmproj|imatrix|vocab)\b|[-_.]mmproj\b|[-_.]imatrix\b|-vocab$|^ggml-vocab", re.IGNORECASE
)
_SHOWN_MAX: Final = 12

FILE_BYTES_MAX: Final = 50_000_000_000
"""The hub's limit for downloads without Xet; publishers split larger models."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One model of a repository, in one quantisation."""

    stem: str
    """The files' name without number and suffix."""
    quant: str
    """A word such as Q4_K_M, in capitals; "" where the name has none."""
    files: tuple[File, ...]
    """In the order of the parts."""

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(file.size for file in self.files)

    @property
    def tag(self) -> str:
        """What stands behind the colon of its name."""
        return self.quant or self.stem


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file that cannot be fetched, and why. The path is a stranger's text."""

    path: str
    reason: str


def variants_of(
    repository: str, listed: Sequence[RemoteFile]
) -> tuple[tuple[Variant, ...], tuple[LeftOut, ...]]:
    """The variants, smallest first, and what was left out."""
    left_out: list[LeftOut] = []
    usable: list[RemoteFile] = []
    for file in listed:
        if reason := refusal_of(file.path) or _distrust(file):
            left_out.append(LeftOut(path=file.path, reason=reason))
        elif not _NO_MODEL.search(_stem(file.path)):
            usable.append(file)
    paths = [file.path for file in usable]
    groups: dict[tuple[str, int], list[tuple[int, RemoteFile]]] = {}
    for file in usable:
        folder, shard = file.path.rpartition("/")[0], shard_of(_name(file.path))
        stem = f"{folder}/{shard.stem if shard else _stem(file.path)}"
        number, count = (shard.number, shard.count) if shard else (1, 1)
        groups.setdefault((stem, count), []).append((number, file))
    found = []
    for (stem, count), parts in groups.items():
        name = stem.rpartition("/")[2]
        if sorted(number for number, _ in parts) != list(range(1, count + 1)):
            reason = f"{count - len(parts)} of its {count} parts are missing"
            left_out.append(LeftOut(path=Shard(name, 1, count).name, reason=reason))
            continue
        quant = origin_of((repository.rpartition("/")[2],), name).quant.upper()
        files = tuple(_file(file, paths) for _, file in sorted(parts, key=lambda part: part[0]))
        found.append(Variant(stem=name, quant=quant, files=files))
    return tuple(sorted(found, key=lambda one: (one.size, one.stem))), tuple(left_out)


def find_variant(repository: str, variants: Sequence[Variant], tag: str) -> Variant:
    """The variant that a tag means: its quantisation, its file's name, or how these begin.

    Raises: RemoteNotFound, with what there is.
    """
    wanted = tag.casefold().removesuffix(".gguf")
    spelled = [(one, (one.quant.casefold(), one.stem.casefold())) for one in variants]
    for is_it in (
        lambda names: wanted in names,
        lambda names: names[0].removeprefix("ud-") == wanted,
        lambda names: any(name.startswith(wanted) for name in names if name),
    ):
        if found := [one for one, names in spelled if is_it(names)]:
            return found[0]
    there = ", ".join(dict.fromkeys(one.tag for one in variants[:_SHOWN_MAX]))
    raise RemoteNotFound(
        f"{repository} has no {tag}", remedy=f"It has {there}." if there else "It has no GGUF file."
    )


def _file(file: RemoteFile, paths: Sequence[str]) -> File:
    name = placed_name(file.path, paths)
    return File(path=file.path, name=name, size=file.size, sha256=file.sha256)


def _distrust(file: RemoteFile) -> str:
    if not _SHA256.fullmatch(file.sha256):
        return "the hub tells no hash of it, so it could not be checked"
    if file.size > FILE_BYTES_MAX:
        return "it is larger than 50 GB, which the hub serves in a way that cannot be resumed"
    return "" if file.size > 0 else "it is empty"


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    return _name(path)[: -len(".gguf")]
