"""The archive for any Linux: unpacked as its user does it, it is the bundle, and it starts."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.packaging.installers.support import BUNDLE, needs, needs_bundle, ran

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that comes out of it."""
    needs_bundle()
    needs("tar", "zstd")
    found = sorted(BUNDLE.parent.glob("athanor-*-linux*.tar.zst"))
    if not found:
        pytest.skip("needs dist/athanor-*-linux.tar.zst: make bundle")
    folder = tmp_path_factory.mktemp("archive")
    ran(["tar", "--zstd", "-xf", found[-1]], cwd=folder)
    assert [path.name for path in folder.iterdir()] == ["athanor"]
    return folder / "athanor"


def contents(folder: Path) -> dict[str, tuple[str, bool, int | str]]:
    """Of each path: what it is, whether it can be run, its size or where it leads."""
    found: dict[str, tuple[str, bool, int | str]] = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        name = path.relative_to(folder).as_posix()
        if stat.S_ISLNK(mode):
            found[name] = ("link", False, os.readlink(path))
        elif stat.S_ISDIR(mode):
            found[name] = ("folder", True, 0)
        else:
            found[name] = ("file", bool(mode & stat.S_IXUSR), path.stat().st_size)
    return found


def test_it_holds_what_was_built_and_nothing_else(unpacked: Path) -> None:
    assert contents(unpacked) == contents(BUNDLE)


def test_what_comes_out_of_it_starts_where_there_is_nothing_else(
    unpacked: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [unpacked / "athanor", "--version"],
        env={"HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("athanor ")


def test_nothing_in_it_leads_or_belongs_elsewhere(unpacked: Path) -> None:
    for path in unpacked.rglob("*"):
        if path.is_symlink():
            assert path.resolve(strict=True).is_relative_to(unpacked.resolve())
        assert not path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)
