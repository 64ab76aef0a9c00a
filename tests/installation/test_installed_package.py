"""The package of what is installed: made again by the real dpkg, of a root in a folder."""

import os
import subprocess
from pathlib import Path

import pytest

from app.core.base.errors import UpdateFailed
from app.installation.installed_package import InstalledPackage, environment, packing
from tests.support.debian_root import DOCUMENT, FILES, PROGRAM, DebianRoot, make_package, ran

NO_DOCUMENTS = "--path-exclude=/usr/share/doc/*"


@pytest.fixture
def debian(tmp_path: Path) -> DebianRoot:
    """Without anything in it yet."""
    return DebianRoot(tmp_path / "root")


def made_again(debian: DebianRoot, version: str, folder: Path) -> Path:
    package = InstalledPackage(version, debian.folder)
    package.lay_out(folder / "again")
    if os.geteuid() == 0:
        # Else a package of root's would say nothing of the owner that each file gets.
        for path in (folder / "again").rglob("*"):
            os.chown(path, 1000, 1000, follow_symlinks=False)
    made = folder / package.file_name
    subprocess.run(packing(folder / "again", made), env=environment(), check=True)
    return made


def contents(package: Path) -> set[tuple[str, ...]]:
    """Mode, owner, path and, of a link, its end."""
    lines = ran(["dpkg-deb", "--contents", package]).splitlines()
    return {(words[0], words[1], *words[5:]) for words in map(str.split, lines)}


def test_the_package_of_what_is_installed_is_the_one_that_was_installed(
    tmp_path: Path, debian: DebianRoot
) -> None:
    original = make_package(tmp_path, "0.1.0")
    debian.install(original)
    (tmp_path / "made").mkdir()

    made = made_again(debian, "0.1.0", tmp_path / "made")

    assert made.name == original.name
    assert contents(made) == contents(original)
    fields = ["dpkg-deb", "--field"]
    assert sorted(ran([*fields, made]).splitlines()) == sorted(
        ran([*fields, original]).splitlines()
    )
    assert ran(["dpkg-deb", "--info", made, "prerm"]) == ran(
        ["dpkg-deb", "--info", original, "prerm"]
    )


def test_a_newer_version_can_be_left_for_the_package_that_was_made(
    tmp_path: Path, debian: DebianRoot
) -> None:
    debian.install(make_package(tmp_path, "0.1.0"))
    before = debian.files()
    made = made_again(debian, "0.1.0", tmp_path)
    debian.install(make_package(tmp_path, "0.2.0", {**FILES, "usr/lib/athanor/newer": "new"}))
    assert debian.version() == "0.2.0-1" and debian.files() != before

    debian.install(made)

    assert debian.version() == "0.1.0-1"
    assert debian.files() == before
    assert (debian.folder / PROGRAM).read_text() == "the program of 0.1.0"
    assert os.access(debian.folder / PROGRAM, os.X_OK)


def test_what_was_made_can_be_made_again_of_itself(tmp_path: Path, debian: DebianRoot) -> None:
    debian.install(make_package(tmp_path, "0.1.0"))
    first = made_again(debian, "0.1.0", tmp_path)
    debian.install(first)
    (tmp_path / "second").mkdir()

    second = made_again(debian, "0.1.0", tmp_path / "second")

    assert contents(second) == contents(first)


def test_a_file_that_was_changed_is_in_no_package(tmp_path: Path, debian: DebianRoot) -> None:
    debian.install(make_package(tmp_path, "0.1.0"))
    (debian.folder / PROGRAM).write_text("another program")

    with pytest.raises(UpdateFailed, match=f"/{PROGRAM} was changed"):
        made_again(debian, "0.1.0", tmp_path)


def test_a_file_that_is_gone_is_missed(tmp_path: Path, debian: DebianRoot) -> None:
    debian.install(make_package(tmp_path, "0.1.0"))
    (debian.folder / PROGRAM).unlink()

    with pytest.raises(UpdateFailed, match=f"/{PROGRAM} is gone"):
        made_again(debian, "0.1.0", tmp_path)


def test_what_dpkg_was_told_to_leave_out_is_not_missed(tmp_path: Path, debian: DebianRoot) -> None:
    debian.install(make_package(tmp_path, "0.1.0"), NO_DOCUMENTS)
    assert not (debian.folder / DOCUMENT).exists()

    made = made_again(debian, "0.1.0", tmp_path)

    paths = {each[2] for each in contents(made)}
    assert f"./{PROGRAM}" in paths and f"./{DOCUMENT}" not in paths


def test_a_file_that_somebody_put_where_dpkg_left_one_out_is_in_no_package(
    tmp_path: Path, debian: DebianRoot
) -> None:
    debian.install(make_package(tmp_path, "0.1.0"), NO_DOCUMENTS)
    (debian.folder / DOCUMENT).parent.mkdir(parents=True)
    (debian.folder / DOCUMENT).write_text("mine")

    with pytest.raises(UpdateFailed, match=f"no sum of /{DOCUMENT}"):
        made_again(debian, "0.1.0", tmp_path)


def test_a_folder_that_the_system_has_as_a_link_stays_a_folder(
    tmp_path: Path, debian: DebianRoot
) -> None:
    (debian.folder / "usr/elsewhere").mkdir(parents=True)
    (debian.folder / "usr/lib").symlink_to("elsewhere")
    original = make_package(tmp_path, "0.1.0")
    debian.install(original)
    (tmp_path / "made").mkdir()

    made = made_again(debian, "0.1.0", tmp_path / "made")

    assert contents(made) == contents(original)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("install ok half-installed", "has not finished"),
        ("deinstall ok config-files", "has not finished"),
    ],
)
def test_a_package_that_is_not_whole_cannot_be_made(
    tmp_path: Path, debian: DebianRoot, status: str, words: str
) -> None:
    debian.install(make_package(tmp_path, "0.1.0"))
    told = debian.status.read_text()
    debian.status.write_text(told.replace("install ok installed", status))

    with pytest.raises(UpdateFailed, match=words):
        InstalledPackage("0.1.0", debian.folder)


@pytest.mark.parametrize("running", ["0.1.1", "0.1", "0.1.0-2"])
def test_another_version_than_runs_is_no_way_back(
    tmp_path: Path, debian: DebianRoot, running: str
) -> None:
    debian.install(make_package(tmp_path, "0.1.0"))

    with pytest.raises(UpdateFailed, match=r"Athanor 0\.1\.0-1 is installed by now"):
        InstalledPackage(running, debian.folder)


def test_where_dpkg_knows_nothing_of_athanor_nothing_is_made(debian: DebianRoot) -> None:
    with pytest.raises(UpdateFailed, match="dpkg-query says nothing"):
        InstalledPackage("0.1.0", debian.folder)
