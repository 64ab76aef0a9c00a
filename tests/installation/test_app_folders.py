"""An .app is exchanged for the next one, and for the one before, where folders can be renamed."""

import plistlib
from pathlib import Path

import pytest

from app.core.base.errors import UpdateFailed
from app.installation.app_folders import AppFolders, version_in
from app.installation.macos import AppPlace
from app.settings.program import Program


def put(app: Path, version: str) -> Path:
    """An .app of that version."""
    (app / "Contents" / "MacOS").mkdir(parents=True)
    (app / "Contents" / "MacOS" / "athanor").write_text(version)
    about = plistlib.dumps({"CFBundleShortVersionString": version})
    (app / "Contents" / "Info.plist").write_bytes(about)
    return app


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return put(tmp_path / "Athanor.app", "0.1.0")


def test_what_was_exchanged_is_kept_and_leads_back_from_the_first_update_on(app: Path) -> None:
    folders = AppFolders(app)
    put(folders.staged, "0.2.0")
    assert folders.kept() == ()

    folders.exchange("0.2.0")
    assert (version_in(app), folders.kept()) == ("0.2.0", ("0.1.0",))

    folders.exchange("0.1.0")
    assert (version_in(app), folders.kept()) == ("0.1.0", ("0.2.0",))
    assert sorted(path.name for path in app.parent.iterdir()) == [
        ".Athanor-previous.app",
        "Athanor.app",
    ]


def test_an_older_one_makes_room_for_the_one_before(app: Path) -> None:
    folders = AppFolders(app)
    for version in ("0.2.0", "0.3.0"):
        put(folders.staged, version)
        folders.exchange(version)

    assert (version_in(app), folders.kept()) == ("0.3.0", ("0.2.0",))


def test_only_the_version_that_was_asked_for_takes_the_place(app: Path) -> None:
    folders = AppFolders(app)
    put(folders.staged, "0.2.0")

    with pytest.raises(UpdateFailed, match=r"no Athanor 0\.3\.0"):
        folders.exchange("0.3.0")

    assert version_in(app) == "0.1.0"


@pytest.mark.parametrize("about", [b"", b"<plist><dict>", b"bplist00\x00", b"{}"])
def test_an_app_whose_version_cannot_be_read_is_no_way_back(app: Path, about: bytes) -> None:
    kept = put(app.with_name(".Athanor-previous.app"), "0.0.9")
    (kept / "Contents" / "Info.plist").write_bytes(about)

    assert version_in(kept) == ""
    assert AppFolders(app).kept() == ()


def test_the_place_of_an_app_tells_the_version_that_lies_beside_it(app: Path) -> None:
    put(app.with_name(".Athanor-previous.app"), "0.0.9")
    program = Program(file=app / "Contents" / "MacOS" / "athanor", is_bundle=True)

    assert AppPlace(program).kept() == ("0.0.9",)
