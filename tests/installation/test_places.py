"""How a copy is installed decides what can take its place, and what cannot run here says so."""

import sys
from pathlib import Path

import pytest

from app.core.base.errors import UpdateFailed
from app.installation.archive import ArchivePlace
from app.installation.debian import DebianPlace, is_packaged
from app.installation.kept import Kept
from app.installation.macos import AppPlace
from app.installation.place import SourcePlace, place_of
from app.installation.windows import SetupPlace
from app.settings.program import PROGRAM_VARIABLE, Program


@pytest.mark.parametrize(
    ("file", "platform", "kind"),
    [
        ("/opt/athanor/athanor", "linux", ArchivePlace),
        ("/c/Athanor/athanor.exe", "win32", SetupPlace),
        ("/Applications/Athanor.app/Contents/MacOS/athanor", "darwin", AppPlace),
    ],
)
def test_each_system_has_its_place(file: str, platform: str, kind: type) -> None:
    program = Program(file=Path(file), is_bundle=True)

    assert isinstance(place_of(program, platform=platform), kind)


def test_what_python_runs_is_left_to_whoever_installed_it(tmp_path: Path) -> None:
    place = place_of(Program.of_this({}))

    assert isinstance(place, SourcePlace)
    assert "git or pip" in place.hindrance
    with pytest.raises(UpdateFailed):
        place.stage(tmp_path, "0.2.0")


def test_a_program_of_a_package_is_known_by_the_packages_list(tmp_path: Path) -> None:
    listed = tmp_path / "athanor.list"
    listed.write_text("/usr/lib/athanor\n/usr/lib/athanor/athanor\n")

    packaged = Program(file=Path("/usr/lib/athanor/athanor"), is_bundle=True)

    assert is_packaged(packaged, listed)
    assert not is_packaged(Program(file=Path("/opt/athanor/athanor"), is_bundle=True), listed)
    assert not is_packaged(packaged, tmp_path / "missing")


def test_a_packages_command_is_safe_in_a_shell_whatever_the_path() -> None:
    command = DebianPlace().command(Path("/cache/a b/$(x)/y.deb"))

    assert command == "sudo apt install '/cache/a b/$(x)/y.deb'"


def test_a_package_may_be_older_only_on_the_way_back(tmp_path: Path) -> None:
    place, file = DebianPlace(), tmp_path / "y.deb"

    with pytest.raises(UpdateFailed, match=f"apt install {file}"):
        place.take_over(file, "0.2.0", ())
    with pytest.raises(UpdateFailed, match=f"apt install --allow-downgrades {file}"):
        place.put_back(file, "0.1.0")


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there it would do it")
@pytest.mark.parametrize("place", [SetupPlace, AppPlace])
def test_what_belongs_to_another_system_fails_loudly(place, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.touch()
    made = place(Program(file=Path("/x/Athanor.app/Contents/MacOS/athanor"), is_bundle=True))

    with pytest.raises(UpdateFailed):
        made.put_back(file, "0.2.0")


def test_an_app_that_runs_from_its_download_says_to_move_it_first() -> None:
    file = Path("/private/var/AppTranslocation/1/d/Athanor.app/Contents/MacOS/athanor")

    assert "Applications" in AppPlace(Program(file=file, is_bundle=True)).hindrance


def test_a_link_to_the_program_leads_to_the_program(tmp_path: Path) -> None:
    (tmp_path / "athanor-0.2.0").mkdir()
    (tmp_path / "athanor-0.2.0" / "athanor").touch()
    (tmp_path / "athanor").symlink_to("athanor-0.2.0")

    program = Program.of_this({PROGRAM_VARIABLE: str(tmp_path / "athanor" / "athanor")})

    assert program.folder == tmp_path / "athanor-0.2.0"
    assert program.lasting == tmp_path / "athanor" / "athanor"


def test_only_files_of_versions_are_deleted_and_only_those_that_nobody_needs(
    tmp_path: Path,
) -> None:
    kept = Kept(tmp_path)
    for name in ("0.1.0", "0.2.0", "0.3.0", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()

    kept.delete_but("0.2.0", "0.3.0")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.2.0", "0.3.0", "mine"]
    assert set(kept.files()) == {"0.2.0", "0.3.0"}
