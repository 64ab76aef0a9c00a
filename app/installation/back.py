"""Back: the version that ran before this one, and the file that brings it where one is needed.

An archive's folder and an .app that was exchanged lie ready; for them no file is asked.
"""

from pathlib import Path
from typing import NamedTuple, final

from app.core.base.errors import UpdateFailed
from app.core.release.trial import Memory, version_before
from app.installation.kept import Kept
from app.installation.place import Place


@final
class Back(NamedTuple):
    """A way back."""

    version: str
    file: Path | None
    """What brings it, read and compared just now; None where it lies in its place."""


def find_back(memory: Memory, place: Place, kept: Kept, *, running: str) -> Back:
    """The way back from `running`. Reads the whole file where there is one.

    Raises: UpdateFailed, which says why there is none.
    """
    if place.hindrance:
        raise UpdateFailed(place.hindrance)
    version = version_before(memory, running)
    if not version:
        raise UpdateFailed("no version is known that one could go back to")
    return Back(version, None if version in place.kept() else kept.way_back(version))
