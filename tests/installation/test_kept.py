"""A file of a version before is a way back only while it is what was written down of it."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from app.core.base.errors import UpdateFailed
from app.core.release.manifest import Build
from app.installation.kept import Kept, require_as_kept
from app.installation.windows import SetupPlace
from app.settings.program import Program

NAME = "athanor_0.1.0-1_amd64.deb"
CONTENT = b"the package of 0.1.0"
BUILD = Build(
    system="linux-x86_64",
    kind="deb",
    name=NAME,
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "updates")


def _made(kept: Kept) -> Path:
    """0.1.0, as it is kept after it was made here."""
    workshop = kept.workshop_of("0.1.0")
    workshop.mkdir(parents=True)
    (workshop / NAME).write_bytes(CONTENT)
    kept.keep("0.1.0", workshop / NAME)
    workshop.rmdir()
    return kept.folder_of("0.1.0") / NAME


def test_what_was_made_here_is_a_way_back(kept: Kept) -> None:
    file = _made(kept)

    assert kept.way_back("0.1.0") == file
    assert kept.files() == {"0.1.0": file}


def test_what_the_publisher_signed_is_a_way_back(kept: Kept) -> None:
    kept.expect("0.1.0", BUILD)
    with pytest.raises(UpdateFailed, match=r"0\.1\.0 is not kept here"):
        kept.way_back("0.1.0")

    (kept.folder_of("0.1.0") / NAME).write_bytes(CONTENT)

    assert kept.way_back("0.1.0").read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"", b"hello", CONTENT + b"\n", CONTENT.upper()])
def test_a_file_that_was_changed_is_no_way_back(kept: Kept, content: bytes) -> None:
    _made(kept).write_bytes(content)

    with pytest.raises(UpdateFailed, match=f"{NAME} was changed since it was kept"):
        kept.way_back("0.1.0")


@pytest.mark.parametrize("written", [None, b"", b"0.1.0", b"\xff", b"%s  another.deb\n"])
def test_a_file_that_nobody_wrote_down_is_no_way_back(kept: Kept, written: bytes | None) -> None:
    beside = _made(kept).with_name(".sha256")
    if written is None:
        beside.unlink()
    else:
        beside.write_bytes(written.replace(b"%s", BUILD.sha256.encode()))

    with pytest.raises(UpdateFailed, match="nobody wrote down"):
        kept.way_back("0.1.0")


def test_what_lies_beside_a_file_makes_no_other_file_a_way_back(kept: Kept) -> None:
    file = _made(kept)
    shutil.copy(file, file.with_name("second.deb"))

    with pytest.raises(UpdateFailed, match="not kept here"):
        kept.way_back("0.1.0")


def test_the_sum_is_written_as_the_systems_own_program_reads_it(kept: Kept) -> None:
    file = _made(kept)

    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", ".sha256"], cwd=file.parent, check=False
    )

    assert checked.returncode == 0


def test_what_an_installer_left_is_taken_as_it_is_once(kept: Kept) -> None:
    file = kept.folder_of("0.1.0") / "athanor-0.1.0-windows-setup.exe"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"the installer")
    kept.adopt("0.1.0")
    require_as_kept(file)

    file.write_bytes(b"something else")
    kept.adopt("0.1.0")

    with pytest.raises(UpdateFailed, match="was changed"):
        require_as_kept(file)
    kept.adopt("0.2.0")
    assert not kept.folder_of("0.2.0").exists()


def test_an_installer_is_compared_again_when_it_is_started(kept: Kept) -> None:
    file = _made(kept)
    place = SetupPlace(Program(file=Path("/c/Athanor/athanor.exe"), is_bundle=True))
    file.write_bytes(b"changed while the server ended")

    with pytest.raises(UpdateFailed, match="was changed"):
        place.take_over(file, "0.1.0", ())
