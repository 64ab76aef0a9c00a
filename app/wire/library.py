"""The library in the local API: which models lie on this machine, where, and whose they are.

    GET    /local/models            -> LibraryPicture
    POST   /local/models/look       -> LibraryPicture, after a look at every folder
    GET    /local/models/{name}     -> LibraryModel, by any of its names
    POST   /local/models/check      CheckRequest -> LibraryModel: its content is read soon
    DELETE /local/models/{name}     -> ModelDeleted; unloads it first, refuses what is not ours
    GET    /local/folders           -> FolderList
    POST   /local/folders           FolderRequest -> FolderList: the setting models.folders
    DELETE /local/folders?path=...  -> FolderList; no file is touched

Names of files are data from strangers: whoever shows them escapes them. Sizes are bytes; times are
seconds since 1970 in UTC.
"""

from typing import Literal

from app.core.models.apps import App
from app.wire.local import LocalMessage, ModelStatus

DigestState = Literal["unknown", "waiting", "hashing", "claimed", "computed", "altered"]
"""unknown: nothing is known, and nothing will be read. waiting, hashing: it will be, or is, read.
claimed: another program's cache says so, which is checked when the model is used. computed: from
the content. altered: from the content, and the cache claims another."""


class LibraryCopy(LocalMessage, frozen=True, kw_only=True):
    """Another place where the same model lies."""

    path: str
    origin: App
    found: str
    """In words: "found in Ollama"."""
    size_bytes: int


class LibraryModel(LocalMessage, frozen=True, kw_only=True):
    """One model on this machine. Texts are "" where the file says nothing."""

    name: str
    path: str
    """The file that is loaded: the first part of a split model."""
    shards: tuple[str, ...] = ()
    """All parts of a split model."""
    origin: App
    """Whose place it lies in."""
    found: str
    """The same in words: "found in Ollama"."""
    size_bytes: int
    modified_at: float
    is_read: bool
    """Its header was read; until then the facts below are empty."""
    title: str = ""
    """What the file calls itself."""
    quantization: str = ""
    architecture: str = ""
    parameters: int = 0
    context_trained: int = 0
    licence: str = ""
    capabilities: tuple[str, ...] = ()
    """As far as its header tells: completion, chat, infill, embedding."""
    is_embedding: bool = False
    has_chat_template: bool = False
    is_demonstration: bool = False
    """It came with Athanor, and is listed since there is no other model."""
    status: ModelStatus = "unloaded"
    refusal: str = ""
    """Why it cannot be loaded; "" while it can."""
    remedy: str = ""
    """What to do about that."""
    aliases: tuple[str, ...] = ()
    """Other names for it that people use; every usual spelling is understood besides."""
    sha256: str = ""
    """Of its content; of a split model that of its parts' digests, a line each."""
    digest: DigestState = "unknown"
    hashed_bytes: int = 0
    """While `digest` is "hashing": how much of the file is read."""
    copies: tuple[LibraryCopy, ...] = ()
    """Other places where the same model lies, which take room as well."""
    may_delete: bool = False
    """Whether Athanor deletes it: its files lie in our own models folder."""
    how_to_delete: str = ""
    """Where it may not: whose it is, and how to delete it there."""


class FolderPicture(LocalMessage, frozen=True, kw_only=True):
    """One place in which models are looked for."""

    path: str
    origin: App
    title: str
    """Whose it is, for a column: "Ollama"."""
    models: int
    size_bytes: int
    is_removable: bool
    """Whether it is a folder of the setting models.folders, which can be taken out again."""
    troubles: tuple[str, ...] = ()
    """What cannot be read there, in sentences."""
    remedy: str = ""
    """What to do about it."""


class FolderList(LocalMessage, frozen=True, kw_only=True):
    """Every place, ours first."""

    folders: tuple[FolderPicture, ...]


class FolderRequest(LocalMessage, frozen=True, kw_only=True):
    """Offer the models of this folder, or this GGUF file."""

    path: str


class HashingPicture(LocalMessage, frozen=True, kw_only=True):
    """How far the reading of contents is."""

    path: str
    bytes_done: int
    bytes_total: int
    files_left: int
    """That one included."""
    bytes_left: int


class LibraryPicture(LocalMessage, frozen=True, kw_only=True):
    """All that was found."""

    is_serving: bool
    """False where no server runs; then nothing is loaded."""
    revision: int = 0
    """As NodePicture.library_revision."""
    models: tuple[LibraryModel, ...] = ()
    broken: tuple[LibraryModel, ...] = ()
    """Files that cannot be loaded, each with its refusal."""
    folders: tuple[FolderPicture, ...] = ()
    hashing: HashingPicture | None = None
    troubles: tuple[str, ...] = ()
    """What went wrong while looking at our folder and those of the owner, in sentences."""


class CheckRequest(LocalMessage, frozen=True, kw_only=True):
    """Read the content of this model and compare it with what its name claims."""

    model: str


class ModelDeleted(LocalMessage, frozen=True, kw_only=True):
    """The model's files in our folder are gone."""

    name: str
    paths: tuple[str, ...]
    """What was deleted."""
    freed_bytes: int
    was_loaded: bool
    left: tuple[LibraryCopy, ...] = ()
    """Copies in other places, which stay and are offered from now on."""
