"""Hasher: reads the contents of model files in the background, one at a time.

A thread of its own, of the lowest priority, that rests while `is_busy` says that somebody needs the
disk. A file that changes while it is read, or cannot be read, waits for the next `wake`.
"""

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NamedTuple, final

from app.server.models.hashing import FileChanged, HashingStopped, sha256_of
from app.server.models.library import Library, Unhashed
from app.server.models.quiet_thread import run_quietly

STOP_SECONDS_MAX: Final = 5.0
"""A chunk is read in milliseconds; past this the disk hangs; the thread ends with the process."""
_BUSY_SECONDS: Final = 0.5
"""How often a resting hasher looks whether it may go on."""
_STEPS: Final = 20
"""How often the progress of one file is told."""


class Progress(NamedTuple):
    """How far the reading of contents is."""

    path: Path
    """The file that is being read."""
    bytes_done: int
    bytes_total: int
    files_left: int
    """That one included."""
    bytes_left: int


@final
class Hasher:
    """See the module. `start` once, `stop` once; any thread may call the rest."""

    def __init__(
        self,
        library: Library,
        *,
        on_change: Callable[[], None] = lambda: None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """`on_change` is called in the hasher's thread when more was read, or a digest is known."""
        self._library = library
        self._on_change = on_change
        self._is_busy = is_busy
        self._news = threading.Condition()
        self._is_awake = True
        self._is_stopping = False
        self._postponed: set[Path] = set()
        self._unwanted: set[Path] = set()
        self._current: Path | None = None
        self._progress: Progress | None = None
        self._thread = threading.Thread(target=self._run, name="hasher", daemon=True)

    @property
    def progress(self) -> Progress | None:
        """What is being read; None while nothing is."""
        return self._progress

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the chunk that is being read; what was read of the file is lost."""
        with self._news:
            self._is_stopping = True
            self._news.notify_all()
        self._thread.join(STOP_SECONDS_MAX)

    def wake(self) -> None:
        """The library may have changed: look again, also at files that were postponed."""
        with self._news:
            self._postponed = set(self._unwanted)
            self._is_awake = True
            self._news.notify_all()

    def let_go(self, paths: Collection[Path]) -> None:
        """Reads none of these files any more, and has none of them open when this returns.

        Windows deletes no open file.
        """
        with self._news:
            self._unwanted.update(paths)
            self._postponed.update(paths)
            self._news.wait_for(lambda: self._current not in paths, STOP_SECONDS_MAX)

    def take_up(self, paths: Collection[Path]) -> None:
        """The opposite of `let_go`."""
        with self._news:
            self._unwanted.difference_update(paths)
        self.wake()

    def _run(self) -> None:
        run_quietly()
        while True:
            with self._news:
                self._news.wait_for(lambda: self._is_awake or self._is_stopping)
                if self._is_stopping:
                    return
                self._is_awake = False
            while due := self._next():
                self._hash(due)
            self._progress = None

    def _next(self) -> tuple[Unhashed, ...]:
        with self._news:
            postponed, is_stopping = frozenset(self._postponed), self._is_stopping
        return () if is_stopping else self._library.unhashed(postponed)

    def _hash(self, due: tuple[Unhashed, ...]) -> None:
        """Reads the first of them."""
        file = due[0]
        with self._news:
            if file.path in self._unwanted:
                return
            self._current = file.path
        left = sum(other.part[0] for other in due)
        told = 0

        def on_bytes(done: int) -> None:
            nonlocal told
            self._progress = Progress(file.path, done, file.part[0], len(due), left - done)
            if done * _STEPS >= (told + 1) * file.part[0]:
                told = done * _STEPS // max(1, file.part[0])
                self._on_change()
            self._rest()

        try:
            digest = sha256_of(
                file.path, file.part, on_bytes=on_bytes, is_stopped=lambda: self._is_over(file.path)
            )
        except FileChanged:
            self._library.changing(file.path)
            self._postpone(file.path)
        except (HashingStopped, OSError):
            self._postpone(file.path)
        else:
            self._library.hashed(file, digest)
        finally:
            with self._news:
                self._current = None
                self._news.notify_all()
        self._progress = None
        self._on_change()

    def _rest(self) -> None:
        while not self._is_stopping and self._is_busy():
            with self._news:
                self._news.wait_for(lambda: self._is_stopping, _BUSY_SECONDS)

    def _is_over(self, path: Path) -> bool:
        with self._news:
            return self._is_stopping or path in self._unwanted

    def _postpone(self, path: Path) -> None:
        with self._news:
            self._postponed.add(path)
