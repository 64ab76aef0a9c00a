"""Catalogue: the hand-picked models of assets/models.toml, each with where it lies and what it is.

Every figure there was looked up; a size that nobody could look up is 0 and asked of the hub when
the model is. The list is data: a change of it needs no change here.
"""

from pathlib import Path
from typing import Final, Literal, final

import msgspec

from app.core.base.errors import AthanorError
from app.core.downloads.choice import bits_of
from app.core.models.card import ModelCard
from app.core.models.outline import Shape, outlined, usual_shape

FILE_NAME: Final = "models.toml"

Kind = Literal["chat", "coding", "reasoning", "vision", "embedding"]


class CatalogueInvalid(AthanorError):
    """The file that comes with the program is missing or damaged."""


@final
class CatalogueFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quantisation of a model."""

    quant: str
    size_bytes: int = 0
    """Of all parts; 0 where it could not be looked up."""
    size_verified: bool = True
    """False: rounded, or not known; the hub is asked before a download."""
    name: str = ""
    """The file's name, of the first part; "" where it could not be looked up."""


@final
class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model."""

    id: str
    """What `athanor pull` takes."""
    name: str
    kinds: tuple[Kind, ...]
    repository: str
    parameters: int
    active_parameters: int = 0
    """Those that a token uses in a mixture of experts; 0 where it is all of them."""
    context: int
    licence: str
    good_for: str
    """One line."""
    shape: Shape | None = None
    """None where its configuration could not be looked up."""
    files: tuple[CatalogueFile, ...]
    """The usual ones, smallest first; the repository may have more."""

    def outline(self, file: CatalogueFile) -> ModelCard | None:
        """About what the header of this file will say; None where too little is known.

        A size that could not be looked up follows from parameters and quantisation, a shape from
        what models of the size mostly have.
        """
        bits = bits_of(file.quant)
        size = file.size_bytes or round(self.parameters * bits / 8)
        if not size:
            return None
        return outlined(
            self.shape or usual_shape(self.parameters),
            name=self.name,
            size_bytes=size,
            quantisation=file.quant,
            parameters=self.parameters,
            active_parameters=self.active_parameters,
            context=self.context,
            is_embedding=self.kinds == ("embedding",),
        )


@final
class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[CatalogueEntry, ...]


def read_catalogue(assets: Path) -> tuple[CatalogueEntry, ...]:
    """The models in the file's order. Raises: CatalogueInvalid."""
    file = assets / FILE_NAME
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_Content).model
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CatalogueInvalid(
            f"the catalogue {file} cannot be read: {error}", remedy="Install Athanor again."
        ) from None
