"""`athanor update rollback` where no server runs: to what is kept as it was, or a sentence why not.

The command is a real process, of a bundle in a folder of the test's own.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.release.manifest import Build
from app.core.release.trial import Memory, handing_over
from app.installation.kept import Kept
from app.installation.memory_file import MemoryFile
from app.settings.paths import Paths
from tests.support.bundles import pack_bundle, put_bundle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="archives are Linux's")


class Copy:
    """0.2.0 from an archive, which followed 0.1.0."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "apps/athanor"
        self.home = folder / "home"
        self.paths = Paths.under(self.home)
        put_bundle(folder / "apps/athanor-0.2.0", "0.2.0")
        self.link.symlink_to("athanor-0.2.0")
        self.memory = MemoryFile(self.paths.updates_file)
        self.memory.write(handing_over(Memory(), version="0.2.0", previous="0.1.0"))

    def rollback(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.link / "athanor", "update", "rollback"],
            env={**os.environ, "ATHANOR_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_version_whose_folder_is_there_is_in_its_place_again(tmp_path: Path, copy: Copy) -> None:
    put_bundle(tmp_path / "apps/athanor-0.1.0", "0.1.0")

    told = copy.rollback()

    assert told.returncode == 0, told.stderr
    assert os.readlink(copy.link) == "athanor-0.1.0"
    assert copy.memory.read().passed_over == "0.2.0"


@pytest.mark.parametrize(
    ("written", "words"),
    [(None, "nobody wrote down"), ("0" * 64, "was changed since it was kept")],
)
def test_a_file_that_is_not_what_was_kept_is_refused_and_nothing_is_left(
    copy: Copy, written: str | None, words: str
) -> None:
    file = copy.paths.updates / "0.1.0" / "athanor-0.1.0-linux-x86_64.tar.zst"
    file.parent.mkdir(parents=True)
    file.write_text("hello")
    if written:
        file.with_name(".sha256").write_text(f"{written}  {file.name}\n")

    told = copy.rollback()

    assert told.returncode != 0
    assert words in " ".join(told.stderr.split())
    assert os.readlink(copy.link) == "athanor-0.2.0"
    assert copy.memory.read().passed_over == "", "this version was not left"


def test_a_copy_that_never_updated_has_nothing_to_go_back_to(copy: Copy) -> None:
    copy.memory.write(Memory())

    told = copy.rollback()

    assert told.returncode != 0
    assert "no version is known" in told.stderr


def test_a_version_whose_archive_alone_is_kept_is_unpacked_again(
    tmp_path: Path, copy: Copy
) -> None:
    archive = pack_bundle(tmp_path, "0.1.0")
    kept, sha256 = Kept(copy.paths.updates), hashlib.sha256(archive.read_bytes()).hexdigest()
    build = Build(system="", kind="", name=archive.name, size_bytes=1, sha256=sha256)
    kept.expect("0.1.0", build)
    archive.rename(kept.folder_of("0.1.0") / archive.name)

    told = copy.rollback()

    assert told.returncode == 0, told.stderr
    assert os.readlink(copy.link) == "athanor-0.1.0"
    assert (tmp_path / "apps/athanor-0.1.0/athanor").is_file()
