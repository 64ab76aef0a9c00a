"""MemoryFile: what is remembered of updates, in a file of the data folder.

Read and written by one process at a time: the server while it runs, else the process that hands
over or the command line.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import final

import msgspec

from app.core.release.trial import Memory


@final
class MemoryFile:
    """The file; a missing or damaged one holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Memory:
        """What is remembered."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Memory)
        except (OSError, msgspec.MsgspecError):
            return Memory()

    def write(self, memory: Memory) -> None:
        """Whole, or not at all; it survives a power cut. Raises: OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._path.with_name(f".{self._path.name}.new")
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(memory))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def change(self, by: Callable[[Memory], Memory]) -> Memory:
        """The memory after `by`; written only if that changes something. Raises: OSError."""
        before = self.read()
        after = by(before)
        if after != before:
            self.write(after)
        return after
