"""Succession: the last thing that an ended server does, and what a failed start says of the way
back.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app import __version__
from app.core.base.errors import AthanorError, UpdateFailed
from app.core.release.trial import gone_back, standing_of
from app.installation.memory_file import MemoryFile
from app.installation.place import place_of
from app.settings.paths import Paths
from app.settings.program import Program

_ANOTHER_RUNS: Final = "already_running"
"""AlreadyServing's word; to import it is to import the whole server."""


def succeed(version: str, file: Path | None, paths: Paths) -> int:
    """Has the version take this one's place, and start as this one was; an exit status.

    It does not return where the new version's start goes on in this process. Raises: UpdateFailed.
    """
    try:
        return place_of(Program.of_this()).take_over(file, version, sys.argv[1:])
    except (UpdateFailed, OSError) as error:
        MemoryFile(paths.updates_file).change(gone_back)
        raise UpdateFailed(
            f"Athanor {version} could not take over: {error}",
            remedy=f"Athanor {__version__} is still in its place: `athanor serve` starts it.",
        ) from None


@contextmanager
def way_back_told(paths: Paths) -> Iterator[None]:
    """An error by which a version that has never served ends names the way back."""
    try:
        yield
    except AthanorError as error:
        if error.kind == _ANOTHER_RUNS:
            raise
        memory = MemoryFile(paths.updates_file).read()
        if memory.trial is not None and standing_of(memory, __version__) != "settled":
            error.remedy = (
                f"{error.remedy} Athanor {__version__} has not served here yet; "
                f"`athanor update rollback` goes back to {memory.trial.previous}."
            ).strip()
        raise
