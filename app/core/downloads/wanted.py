"""Wanted: what the owner's words for a model mean: a catalogue id, a repository, or an address.

Understood are `qwen3-8b`, `qwen3-8b:q8_0`, `owner/name`, `owner/name:Q4_K_M`,
`owner/name/file.gguf`, each behind `hf.co/`, and addresses as a browser shows them.
"""

from dataclasses import dataclass
from typing import Final, final

from app.core.base.errors import RequestError
from app.core.downloads.safe_names import is_repository
from app.core.models.names import NAME_LENGTH_MAX

HOSTS: Final = ("huggingface.co", "www.huggingface.co", "hf.co")
_PAGES: Final = frozenset({"resolve", "blob", "tree", "raw"})
_REMEDY: Final = "Name a model of the catalogue, or a repository like owner/name:Q4_K_M."


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Either `entry`, an id of the catalogue, or `repository` is not ""."""

    entry: str = ""
    repository: str = ""
    tag: str = ""
    """Quantisation or file name; "" leaves the choice to us."""
    revision: str = "main"


def wanted_of(words: str, hosts: tuple[str, ...] = HOSTS) -> Wanted:
    """What `words` mean; `hosts` are names of the hub. Raises: RequestError."""
    text = words.strip()[:NAME_LENGTH_MAX]
    scheme, has_scheme, rest = text.partition("://")
    if has_scheme and scheme.casefold() not in {"https", "http", "hf"}:
        raise _not_understood(words)
    text = rest if has_scheme else text
    text = text.partition("?")[0].partition("#")[0].rstrip("/")
    host, slash, path = text.partition("/")
    if slash and host.casefold() in {each.casefold() for each in hosts}:
        return _of_path(path, words)
    if has_scheme and scheme.casefold() != "hf":
        raise RequestError(
            f"{host} is not the model hub", field="model", remedy=f"Known is {hosts[0]}. {_REMEDY}"
        )
    return _of_path(text, words)


def _of_path(path: str, words: str) -> Wanted:
    parts = path.split("/")
    if len(parts) == 1:
        entry, _, tag = parts[0].partition(":")
        if not entry:
            raise _not_understood(words)
        return Wanted(entry=entry.casefold(), tag=tag)
    name, _, tag = parts[1].partition(":")
    repository = f"{parts[0]}/{name}"
    if not is_repository(repository):
        raise _not_understood(words)
    rest = parts[2:]
    if rest and rest[0] in _PAGES:
        revision = rest[1] if len(rest) > 1 else "main"
        return Wanted(repository=repository, revision=revision, tag=tag or _file(rest[2:]))
    return Wanted(repository=repository, tag=tag or _file(rest))


def _file(parts: list[str]) -> str:
    """The file's name without the number of its part, which means the whole model."""
    name = parts[-1] if parts else ""
    stem = name.removesuffix(".gguf")
    head, of, count = stem.rpartition("-of-")
    if of and count.isdigit() and head[-5:].isdigit():
        return head[:-6]
    return stem


def _not_understood(words: str) -> RequestError:
    shown = words if len(words) <= 100 else words[:97] + "..."
    return RequestError(f"{shown!r} names no model", field="model", remedy=_REMEDY)
