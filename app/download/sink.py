"""Sink: the file that a download grows, and the room that must stay free beside it."""

import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

LOOK_BYTES: Final = 16 * 1024**2
"""As often, in bytes written, the free space is looked at."""


@final
class Sink(io.FileIO):
    """An incomplete file, unbuffered: what was written stays when the process is killed.

    `on_size` is told the file's size after each write. Raises OSError with ENOSPC, also when
    less than `disk_free_bytes_min` would stay free.
    """

    def __init__(
        self, path: Path, *, disk_free_bytes_min: int, on_size: Callable[[int], None]
    ) -> None:
        super().__init__(path, "ab")
        self._folder = path.parent
        self._free_min = disk_free_bytes_min
        self._on_size = on_size
        self._until_look = 0

    def write(self, content: bytes, /) -> int:  # type: ignore[override]  # http_get gives bytes
        """All of it."""
        self._look(len(content))
        view = memoryview(content)
        while view:
            view = view[super().write(view) :]
        self._on_size(self.tell())
        return len(content)

    def keep(self) -> None:
        """Make sure that it survives a power cut."""
        os.fsync(self.fileno())

    def _look(self, count: int) -> None:
        self._until_look -= count
        if self._until_look > 0:
            return
        self._until_look = LOOK_BYTES
        if shutil.disk_usage(self._folder).free - count < self._free_min:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
