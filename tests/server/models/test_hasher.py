"""Laws of the hasher: it reads everything, one at a time, and lets go when it is asked to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.server.models.hasher import Hasher
from app.server.models.library import Library
from tests.server.models.caches import ollama, put_ollama, sha256
from tests.server.models.shelf import put, read_all, scanned

SECONDS_MAX = 60


class Watched:
    """A hasher at work, and a way to wait for what becomes of it."""

    def __init__(self, library: Library, *, is_busy: bool = False) -> None:
        self.library = library
        self.is_busy = is_busy
        self._news = threading.Condition()
        self.hasher = Hasher(library, on_change=self._tell, is_busy=lambda: self.is_busy)

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Waits until it is so; a progress that ends after the last news is seen soon as well."""
        with self._news:
            for _ in range(SECONDS_MAX):
                if self._news.wait_for(is_so, 1):
                    return
        raise AssertionError("it never became so")

    def proofs(self) -> list[str]:
        return [entry.proof for entry in self.library.entries()]


@contextmanager
def at_work(library: Library, *, is_busy: bool = False) -> Iterator[Watched]:
    watched = Watched(library, is_busy=is_busy)
    watched.hasher.start()
    try:
        yield watched
    finally:
        watched.hasher.stop()


def test_every_model_gets_its_digest_and_the_progress_ends(tmp_path: Path) -> None:
    for index in range(5):
        put(tmp_path / f"m{index}.gguf", extra=index + 1)
    library = read_all(scanned(tmp_path))

    with at_work(library) as watched:
        watched.until(lambda: watched.proofs() == ["computed"] * 5)
        watched.until(lambda: watched.hasher.progress is None)

    for entry in library.entries():
        assert entry.sha256 == sha256(Path(entry.path).read_bytes())


def test_a_model_that_comes_later_is_read_when_it_is_woken(tmp_path: Path) -> None:
    put(tmp_path / "first.gguf")
    library = read_all(scanned(tmp_path))

    with at_work(library) as watched:
        watched.until(lambda: watched.proofs() == ["computed"])
        put(tmp_path / "second.gguf", extra=2)
        library.scan()
        read_all(library)
        watched.hasher.wake()

        watched.until(lambda: watched.proofs() == ["computed", "computed"])


def test_a_claimed_digest_is_checked_only_when_somebody_wants_it(tmp_path: Path) -> None:
    put_ollama(tmp_path, "library/m:1b", put(tmp_path / "x" / "m.gguf").read_bytes())
    library = read_all(scanned(ollama(tmp_path)))

    with at_work(library) as watched:
        watched.hasher.wake()
        assert watched.proofs() == ["claimed"]
        library.want_digest(library.entries()[0].name)
        watched.hasher.wake()

        watched.until(lambda: watched.proofs() == ["computed"])


def test_it_rests_while_somebody_needs_the_disk(tmp_path: Path) -> None:
    put(tmp_path / "m.gguf")
    library = read_all(scanned(tmp_path))

    with at_work(library, is_busy=True) as watched:
        watched.until(lambda: watched.hasher.progress is not None)
        assert watched.proofs() == ["none"]
        watched.is_busy = False

        watched.until(lambda: watched.proofs() == ["computed"])


def test_it_stops_in_the_middle_of_a_file(tmp_path: Path) -> None:
    put(tmp_path / "m.gguf")
    library = read_all(scanned(tmp_path))

    with at_work(library, is_busy=True) as watched:
        watched.until(lambda: watched.hasher.progress is not None)

    assert watched.proofs() == ["none"]


def test_a_file_that_it_lets_go_is_not_read_until_it_is_taken_up(tmp_path: Path) -> None:
    path = put(tmp_path / "m.gguf")
    library = read_all(scanned(tmp_path))
    hasher = Watched(library)
    hasher.hasher.let_go([path])
    hasher.hasher.start()
    try:
        put(tmp_path / "other.gguf", extra=4)
        library.scan()
        read_all(library)
        hasher.hasher.wake()
        hasher.until(lambda: hasher.proofs() == ["none", "computed"])

        hasher.hasher.take_up([path])

        hasher.until(lambda: hasher.proofs() == ["computed", "computed"])
    finally:
        hasher.hasher.stop()


def test_a_file_that_vanishes_is_no_failure(tmp_path: Path) -> None:
    path = put(tmp_path / "gone.gguf")
    put(tmp_path / "stays.gguf", extra=2)
    library = read_all(scanned(tmp_path))
    path.unlink()

    with at_work(library) as watched:
        watched.until(lambda: watched.proofs() == ["none", "computed"])
