"""Laws of what may not be read: it is told, with what to do, and hides nothing else.

Root reads everything, so the listing runs as another user where the tests run as root.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server.models.found import Place
from app.server.models.shown import shown_folder
from tests.server.models.caches import content, ollama, put_ollama
from tests.server.models.shelf import put, read_all, scanned

NOBODY = 65534
"""The user that owns nothing."""

Seen = dict[str, list[list[str]]]


def seen(*places: Place) -> Seen:
    """What this process finds there."""
    library = read_all(scanned(*places))
    folders = [shown_folder(place, is_removable=False) for place in library.places()]
    return {
        "models": [[entry.name, entry.refusal] for entry in library.entries()],
        "folders": [[folder.title, folder.remedy, *folder.troubles] for folder in folders],
        "troubles": [list(library.troubles())],
    }


def look(*places: Place) -> Seen:
    """What a user without rights finds there; in a fork, for who was root comes not back."""
    if os.geteuid() != 0:
        return seen(*places)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, json.dumps(seen(*places)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        found: Seen = json.loads(file.read())
    os.waitpid(child, 0)
    return found


def lock(path: Path) -> None:
    """Takes every right from everybody but root."""
    path.chmod(0)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that other users can reach."""
    parents = [tmp_path, *list(tmp_path.parents)[:2]]
    modes = [(path, stat.S_IMODE(path.stat().st_mode)) for path in parents]
    for path in parents:
        path.chmod(0o755)
    yield tmp_path
    for path in tmp_path.rglob("*"):
        path.chmod(0o700)
    for path, mode in modes:
        path.chmod(mode)


def test_a_folder_without_permission_is_shown_as_such_and_hides_no_other(folder: Path) -> None:
    put(folder / "open" / "m.gguf")
    locked = put(folder / "locked" / "n.gguf").parent
    lock(locked)

    found = look(Place(folder / "open", "athanor"), Place(locked))

    trouble = f"{locked} cannot be read: Permission denied."
    assert [name for name, _ in found["models"]] == ["m"]
    assert found["troubles"] == [[trouble]]
    assert found["folders"][1] == ["folder", "Give your user the right to read it.", trouble]


def test_the_store_of_ollamas_service_says_how_to_get_the_right_and_raises_no_alarm(
    folder: Path,
) -> None:
    put_ollama(folder / "ollama", "library/m:1b", content())
    lock(folder / "ollama")

    found = look(ollama(folder / "ollama"))

    assert found["troubles"] == [[]]
    ((title, remedy, trouble),) = found["folders"]
    assert title == "Ollama" and "Permission denied" in trouble
    assert "usermod -aG ollama" in remedy


def test_a_file_without_permission_is_refused_with_the_reason(folder: Path) -> None:
    lock(put(folder / "m.gguf"))

    ((name, refusal),) = look(Place(folder, "athanor"))["models"]

    assert name == "m"
    assert "Permission denied" in refusal
