"""Models that are not here yet: the local API's catalogue, search, downloads and network activity.

    GET    /local/catalogue               -> CataloguePicture; asks no other machine
    GET    /local/search?query=           -> SearchAnswer, from the hub
    GET    /local/remote/{owner}/{name}   -> RemoteModel, from the hub
    POST   /local/downloads               DownloadRequest -> DownloadAnswer
    GET    /local/downloads               -> DownloadList
    POST   /local/downloads/{id}/pause    -> DownloadPicture
    POST   /local/downloads/{id}/resume   -> DownloadPicture
    DELETE /local/downloads/{id}          -> DownloadPicture, off the list
    GET    /local/network                 -> NetworkPicture

DownloadPicture stands in local.py, since the node's picture holds it too. Names of repositories and
files are strangers' texts: a face escapes them.
"""

from typing import Literal

from app.wire.local import DownloadPicture, LocalMessage


class FitPicture(LocalMessage, frozen=True, kw_only=True):
    """Whether a model fits this machine, and how fast it is."""

    fits: Literal["wholly", "partly", "not", "unknown"]
    """wholly: all of it on GPUs, or in RAM where there is none. partly: the rest in RAM."""
    context: int = 0
    """Tokens that one conversation gets."""
    layers: int = 0
    gpu_layers: int = 0
    explanation: str = ""
    tokens_per_second: float | None = None
    """Of one answer; null where it is not known."""
    speed_basis: Literal["", "expected", "measured"] = ""
    """measured: by answers on this machine."""
    is_estimate: bool = False
    """From published figures or another quantisation, and not from this file's header."""


class VariantPicture(LocalMessage, frozen=True, kw_only=True):
    """A model in one quantisation."""

    tag: str
    """What stands behind the colon: Q4_K_M, or the file's name."""
    quantization: str
    size_bytes: int
    """0: not known before the hub is asked."""
    files: tuple[str, ...]
    fit: FitPicture
    installed: str = ""
    """The name under which it is in the library; "" while it is not."""


class CatalogueModel(LocalMessage, frozen=True, kw_only=True):
    """One model of the catalogue."""

    id: str
    name: str
    kinds: tuple[str, ...]
    """chat, coding, reasoning, vision, embedding."""
    repository: str
    parameters: int
    active_parameters: int
    """That a token uses, in a mixture of experts; 0 where it is all."""
    context: int
    licence: str
    good_for: str
    variants: tuple[VariantPicture, ...]
    recommended: str
    """The tag that suits this machine."""
    why: str
    """Why that one, in a sentence."""


class CataloguePicture(LocalMessage, frozen=True, kw_only=True):
    """The catalogue, with what this machine makes of it."""

    models: tuple[CatalogueModel, ...]
    assumptions: str
    """On what an expected speed rests."""


class SearchResult(LocalMessage, frozen=True, kw_only=True):
    """One repository with GGUF files."""

    repository: str
    downloads: int
    likes: int
    is_gated: bool
    """Its owner lets in who agreed to terms, with a token."""
    updated_at: str
    """ISO 8601; "" where the hub says nothing."""
    parameters: int
    architecture: str
    context: int


class SearchAnswer(LocalMessage, frozen=True, kw_only=True):
    """Most downloaded first."""

    query: str
    results: tuple[SearchResult, ...]


class LeftOutFile(LocalMessage, frozen=True, kw_only=True):
    """A file of a repository that cannot be fetched, and why."""

    path: str
    reason: str


class RemoteModel(LocalMessage, frozen=True, kw_only=True):
    """A repository, its models and what this machine makes of them."""

    repository: str
    revision: str
    """The commit that was looked at."""
    licence: str
    is_gated: bool
    architecture: str
    parameters: int
    context: int
    variants: tuple[VariantPicture, ...]
    """Smallest first."""
    left_out: tuple[LeftOutFile, ...]
    recommended: str
    why: str
    assumptions: str


class DownloadRequest(LocalMessage, frozen=True, kw_only=True):
    """Fetch a model."""

    model: str
    """An id of the catalogue, owner/name, either with :QUANT, or an address of the hub."""
    quantization: str = ""
    """"" takes the one that suits this machine."""


class DownloadAnswer(LocalMessage, frozen=True, kw_only=True):
    """The download, new or known, and why these files."""

    download: DownloadPicture
    why: str
    fit: FitPicture


class DownloadList(LocalMessage, frozen=True, kw_only=True):
    """Every download, oldest first, those that are over too."""

    downloads: tuple[DownloadPicture, ...]


class OutboundPicture(LocalMessage, frozen=True, kw_only=True):
    """One call to another machine."""

    at: float
    host: str
    purpose: str
    """search, describe, header or download."""
    method: str
    status: int
    """Of HTTP; 0 where there was no answer."""
    received_bytes: int


class HostPicture(LocalMessage, frozen=True, kw_only=True):
    """All calls to one host."""

    host: str
    calls: int
    received_bytes: int


class NetworkPicture(LocalMessage, frozen=True, kw_only=True):
    """Every call to another machine since the server started; the last ones singly."""

    calls: tuple[OutboundPicture, ...]
    """Newest first."""
    hosts: tuple[HostPicture, ...]
