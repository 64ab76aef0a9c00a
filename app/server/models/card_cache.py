"""Card cache: cards of files that were read before, so that a start reads none of them again.

A card is good as long as size and time of change of all parts are what they were. Refusals are kept
likewise. The file can be lost at any time; one that is damaged or of another version is ignored.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, final

import msgspec

from app.core.models.card import ModelCard
from app.server.models.found import Stamp

VERSION: Final = 3
"""Goes up whenever the reader finds more, or decides otherwise, in the same file."""


@final
class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """What reading a model gave: a card, or the reason for refusing it."""

    stamp: Stamp
    card: ModelCard | None = None
    refusal: str = ""
    remedy: str = ""
    is_accessory: bool = False
    """It is a sound file that is no model: a projector, an adapter."""


@final
class _Content(msgspec.Struct, frozen=True):
    version: int
    models: dict[str, Known]


@final
class CardCache:
    """Known cards by path. Used by one thread at a time."""

    def __init__(self, file: Path | None) -> None:
        """Reads `file`; None keeps nothing."""
        self._file = file
        self._known: dict[str, Known] = {}
        self._is_saved = True
        if file is not None:
            self._known = _read(file)

    def get(self, path: Path, stamp: Stamp) -> Known | None:
        """What is known of the model at `path`, if it is still as it was."""
        known = self._known.get(str(path))
        return known if known is not None and known.stamp == stamp else None

    def put(self, path: Path, known: Known) -> None:
        """Keeps it."""
        self._known[str(path)] = known
        self._is_saved = False

    def save(self, keep: frozenset[str]) -> None:
        """Writes what is new, without models that are not among the paths to `keep`."""
        if self._file is None or self._is_saved:
            return
        kept = {path: known for path, known in self._known.items() if path in keep}
        temporary = self._file.with_suffix(f".{os.getpid()}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(msgspec.json.encode(_Content(VERSION, kept)))
            temporary.replace(self._file)
        except OSError:
            # A cache that cannot be written costs time at the next start and nothing else.
            with contextlib.suppress(OSError):
                temporary.unlink()
        # Not tried again before there is something new.
        self._is_saved = True


def _read(file: Path) -> dict[str, Known]:
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_Content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return content.models if content.version == VERSION else {}
