"""What the server and a download child say to each other.

The child is the only part of the program that calls another machine for models. It is asked
questions, which it answers in their order (`SearchHub` -> `Found`, `Describe` -> `Described`,
`ReadRange` and `ReadAddress` -> `RangeRead`, each or `Failed`), or it is told to `Fetch`, which is
its last task:
`Moved`* -> `Verifying`* -> `Fetched` | `Failed`, and it ends. `SetRate` may come at any time.
Every call that it makes is told as `Called`, before it is made and again as its bytes come.

The child may be killed at any moment: what it has fetched stays in `Fetch.workshop` and is not
fetched again.
"""

from typing import Literal, final

from app.wire.message import Message

FailureKind = Literal[
    "unreachable",
    "not_found",
    "access",
    "busy",
    "disk_full",
    "folder",
    "content",
    "refused",
]
"""unreachable: no network, a proxy or the hub is down. not_found: no such repository, revision or
file. access: gated, private or a wrong token. busy: the hub asks for patience. disk_full: see
`Failed.missing_bytes`. folder: ours cannot be written. content: the bytes are not those that the
hub announced. refused: the answer makes no sense, or the hub serves it in another way only."""


@final
class SearchHub(Message, frozen=True, kw_only=True, omit_defaults=True, tag="search"):
    """Repositories with GGUF files for these words, most downloaded first."""

    query: str
    limit: int


@final
class Describe(Message, frozen=True, kw_only=True, omit_defaults=True, tag="describe"):
    """What a repository is and which files it has."""

    repository: str
    revision: str = "main"


@final
class ReadRange(Message, frozen=True, kw_only=True, omit_defaults=True, tag="read_range"):
    """Bytes of a file from `begin`, at most `length`; less where the file ends."""

    repository: str
    revision: str
    path: str
    begin: int
    length: int


@final
class ReadAddress(Message, frozen=True, kw_only=True, omit_defaults=True, tag="read_address"):
    """A whole small file at an address that is not the hub's; one that is larger is refused."""

    address: str
    bytes_max: int
    purpose: str
    """As `Called` tells it."""


@final
class FetchFile(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One file of a `Fetch`."""

    path: str
    """In the repository."""
    name: str
    """Below `Fetch.folder`; checked by core/downloads/safe_names.py."""
    size: int
    sha256: str
    address: str = ""
    """Where it lies, if that is not the hub."""


@final
class Fetch(Message, frozen=True, kw_only=True, omit_defaults=True, tag="fetch"):
    """Bring these files; all are checked before any is put in its place."""

    repository: str
    revision: str
    files: tuple[FetchFile, ...]
    folder: str
    workshop: str
    """Where files lie until they are whole; on the same volume as `folder`."""
    bytes_per_second: int = 0
    """0: as fast as it comes."""
    disk_free_bytes_min: int = 0
    """Stays free on the volume."""
    purpose: str = "download"
    """As `Called` tells it."""


@final
class SetRate(Message, frozen=True, kw_only=True, omit_defaults=True, tag="set_rate"):
    """A new cap; 0 is none."""

    bytes_per_second: int


ToDownload = SearchHub | Describe | ReadRange | ReadAddress | Fetch | SetRate


@final
class Called(Message, frozen=True, kw_only=True, omit_defaults=True, tag="called"):
    """A call to another machine, by its number within this child; said again as bytes come."""

    number: int
    method: str
    host: str
    purpose: str
    """search, describe, header, download, or what `Fetch` and `ReadAddress` name."""
    status: int = 0
    """Of HTTP; 0 while there is no answer."""
    received_bytes: int = 0


@final
class FoundRepository(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One result of a search. Times are ISO 8601, "" where the hub says nothing."""

    name: str
    downloads: int = 0
    likes: int = 0
    is_gated: bool = False
    updated_at: str = ""
    parameters: int = 0
    architecture: str = ""
    context: int = 0


@final
class Found(Message, frozen=True, kw_only=True, omit_defaults=True, tag="found"):
    """The results of a search."""

    repositories: tuple[FoundRepository, ...]


@final
class RemoteFile(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One file of a repository; `sha256` is "" where the hub keeps none."""

    path: str
    size: int
    sha256: str = ""


@final
class Described(Message, frozen=True, kw_only=True, omit_defaults=True, tag="described"):
    """A repository at the commit that the revision means now."""

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]
    licence: str = ""
    is_gated: bool = False
    parameters: int = 0
    architecture: str = ""
    context: int = 0


@final
class RangeRead(Message, frozen=True, kw_only=True, omit_defaults=True, tag="range_read"):
    """The bytes that were asked for."""

    content: bytes


@final
class Moved(Message, frozen=True, kw_only=True, omit_defaults=True, tag="moved"):
    """Bytes of all files that are on the disk now."""

    done_bytes: int


@final
class Verifying(Message, frozen=True, kw_only=True, omit_defaults=True, tag="verifying"):
    """Bytes of all files whose content was hashed."""

    checked_bytes: int


@final
class Fetched(Message, frozen=True, kw_only=True, omit_defaults=True, tag="fetched"):
    """Every file is whole, checked and in its place."""

    paths: tuple[str, ...]


@final
class Failed(Message, frozen=True, kw_only=True, omit_defaults=True, tag="failed"):
    """The question, or the fetch, came to nothing."""

    kind: FailureKind
    message: str
    remedy: str = ""
    missing_bytes: int = 0
    """disk_full: what must become free before it can go on."""


FromDownload = Called | Found | Described | RangeRead | Moved | Verifying | Fetched | Failed

Asked = SearchHub | Describe | ReadRange | ReadAddress
"""Questions."""

Answer = Found | Described | RangeRead | Failed
"""What a question may get."""
