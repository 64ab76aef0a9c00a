"""Entry: one model of the library, as it is listed."""

from typing import Literal, final

import msgspec

from app.core.base.ids import ModelName
from app.core.models.apps import App
from app.core.models.card import ModelCard
from app.wire.model import ModelSource

Proof = Literal["none", "claimed", "computed", "altered"]
"""Where a SHA-256 comes from. `claimed`: the file's name in another program's cache says so, and
its content was not read yet. `computed`: from the content. `altered`: from the content, and the
name claims another."""


@final
class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a model lies on the disk."""

    path: str
    app: App
    size_bytes: int
    names: tuple[str, ...] = ()
    """What the program that owns it calls it."""


@final
class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model as listed."""

    name: ModelName
    path: str
    """What to load: the first part of a split model."""
    shards: tuple[str, ...] = ()
    size_bytes: int
    modified: float
    """Seconds since 1970."""
    backend: Literal["llama", "toy"] = "llama"
    card: ModelCard | None = None
    """None until its header is read, and for a refused file."""
    refusal: str = ""
    """Why it cannot be loaded; "" while it can."""
    remedy: str = ""
    """What the owner can do about the refusal."""
    app: App = "folder"
    """Whose place it lies in."""
    names: tuple[str, ...] = ()
    """What that program calls it."""
    aliases: tuple[str, ...] = ()
    """Names besides its own that people use for it, the most usual first."""
    sha256: str = ""
    """Of its content, in lower-case hexadecimal; of a split model that of its parts' digests. ""
    while it is not known."""
    proof: Proof = "none"
    copies: tuple[Copy, ...] = ()
    """Other places where the same model lies: of the same content, or, while the content of one
    is not known, of the same name and size."""
    is_demonstration: bool = False
    """It came with the program: listed only while no other model can be used, never deleted."""
    is_accessory: bool = False
    """It serves beside a model and is none itself: a projector, an adapter."""

    @property
    def is_read(self) -> bool:
        """Whether its header was looked at."""
        return self.card is not None or bool(self.refusal)

    @property
    def duplicates(self) -> tuple[str, ...]:
        """The paths of the copies."""
        return tuple(copy.path for copy in self.copies)

    def source(self) -> ModelSource:
        """What an engine is told to load."""
        return ModelSource(path=self.path, name=self.name, backend=self.backend)
