"""Remote cards: what was read of headers at the hub, by the hash of the first file.

Content does not change under a hash, so a card is good for ever. The file can be lost at any time.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.models.card import ModelCard
from app.server.models.card_cache import VERSION

CARDS_MAX: Final = 500


@final
class _Content(msgspec.Struct, frozen=True):
    version: int
    cards: dict[str, ModelCard]


@final
class RemoteCards:
    """The cards, in memory and in `file`. Used by one event loop; reading the file is quick."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._cards = _read(file)

    def get(self, sha256: str) -> ModelCard | None:
        """The card of the model whose first file has this hash."""
        return self._cards.get(sha256)

    def put(self, sha256: str, card: ModelCard) -> None:
        """Keeps it, and forgets the oldest past `CARDS_MAX`."""
        self._cards[sha256] = card
        while len(self._cards) > CARDS_MAX:
            self._cards.pop(next(iter(self._cards)))

    def save(self) -> None:
        """Writes all. A cache that cannot be written costs requests and nothing else."""
        temporary = self._file.with_suffix(f".{os.getpid()}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(msgspec.json.encode(_Content(VERSION, self._cards)))
            temporary.replace(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _read(file: Path) -> dict[str, ModelCard]:
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_Content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return content.cards if content.version == VERSION else {}
