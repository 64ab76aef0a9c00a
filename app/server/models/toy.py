"""Toy: the card of a `.toy` file, the model that tests and demonstrations use instead of a GGUF.

Only what the server needs of its options; the engine checks them all.
"""

import hashlib
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.base.errors import ModelFileInvalid
from app.core.models.card import ModelCard
from app.core.models.header import REMEDY

SUFFIX: Final = ".toy"

_BYTES_MAX: Final = 65_536
_VOCABULARY: Final = 265


@final
class _Options(msgspec.Struct, frozen=True):
    is_embedding: bool = False
    context_trained: int = 8192
    has_template: bool = True


def read_toy(path: Path) -> ModelCard:
    """The card of the toy at `path`. Raises: ModelFileInvalid."""
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX)
        options = msgspec.json.decode(content, type=_Options)
    except OSError as error:
        reason = f"{path}: it cannot be read: {error.strerror}"
        raise ModelFileInvalid(reason, remedy=REMEDY) from error
    except msgspec.DecodeError as error:
        raise ModelFileInvalid(f"{path}: it is no toy: {error}", remedy=REMEDY) from error
    template = hashlib.sha256(b"toy").hexdigest()
    return ModelCard(
        path=str(path),
        name=path.stem,
        architecture="toy",
        parameters=0,
        size_bytes=len(content),
        weight_bytes=0,
        quantisation="",
        context_trained=options.context_trained,
        embedding_length=0,
        vocabulary=_VOCABULARY,
        chat_template_sha256=template if options.has_template else "",
        can_infill=True,
        is_embedding=options.is_embedding,
        layers=(),
    )
