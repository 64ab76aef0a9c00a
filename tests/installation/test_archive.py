"""Versions lie side by side, the link leads to one of them, and no moment is without it."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from app.core.base.errors import UpdateFailed
from app.installation.archive import ArchivePlace
from app.installation.unpack import unpack
from app.settings.program import Program
from tests.support.bundles import pack_bundle, put_bundle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="archives are Linux's")


def place_at(folder: Path, running: str = "0.1.0") -> ArchivePlace:
    return ArchivePlace(
        Program(file=(folder / "athanor").resolve(), is_bundle=True), running=running
    )


def version_at(link: Path) -> str:
    said = subprocess.run(
        [link / "athanor", "--version"], check=True, capture_output=True, text=True
    )
    return said.stdout.strip()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    put_bundle(tmp_path / "apps" / "athanor", "0.1.0")
    return tmp_path / "apps" / "athanor"


def test_a_staged_version_lies_beside_the_running_one_and_changes_nothing(
    bundle: Path, tmp_path: Path
) -> None:
    place_at(bundle).stage(pack_bundle(tmp_path, "0.2.0"), "0.2.0")

    assert version_at(bundle) == "athanor 0.1.0"
    assert version_at(bundle.with_name("athanor-0.2.0")) == "athanor 0.2.0"
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["athanor", "athanor-0.2.0"]


def test_the_first_switch_turns_the_folder_into_a_link_and_keeps_the_old_version(
    bundle: Path, tmp_path: Path
) -> None:
    place = place_at(bundle)
    place.stage(pack_bundle(tmp_path, "0.2.0"), "0.2.0")

    place.switch_to("0.2.0")

    assert bundle.is_symlink()
    assert version_at(bundle) == "athanor 0.2.0"
    assert version_at(bundle.with_name("athanor-0.1.0")) == "athanor 0.1.0"


def test_a_switch_can_be_taken_back_and_done_again(bundle: Path, tmp_path: Path) -> None:
    place_at(bundle).stage(pack_bundle(tmp_path, "0.2.0"), "0.2.0")
    place_at(bundle).switch_to("0.2.0")
    seen = []
    for version, running in (("0.1.0", "0.2.0"), ("0.2.0", "0.1.0")):
        place = place_at(bundle, running)
        assert place.kept() == (version,)
        place.switch_to(version)
        seen.append(version_at(bundle))

    assert seen == ["athanor 0.1.0", "athanor 0.2.0"]


def test_the_lasting_path_is_the_link_and_not_the_folder_of_a_version(
    bundle: Path, tmp_path: Path
) -> None:
    assert Program(file=bundle / "athanor", is_bundle=True).lasting == bundle / "athanor"
    place_at(bundle).stage(pack_bundle(tmp_path, "0.2.0"), "0.2.0")
    place_at(bundle).switch_to("0.2.0")

    real = (bundle / "athanor").resolve()

    assert real.parent.name == "athanor-0.2.0"
    assert Program(file=real, is_bundle=True).lasting == bundle / "athanor"


@pytest.mark.parametrize("fault", ["no_start", "wrong_version"])
def test_a_version_that_does_not_start_is_never_put_in_place(
    bundle: Path, tmp_path: Path, fault
) -> None:
    with pytest.raises(UpdateFailed):
        place_at(bundle).stage(pack_bundle(tmp_path, "0.2.0", fault=fault), "0.2.0")

    assert [path.name for path in bundle.parent.iterdir()] == ["athanor"]


def test_an_archive_that_was_cut_off_leaves_nothing_behind(bundle: Path, tmp_path: Path) -> None:
    archive = pack_bundle(tmp_path, "0.2.0")
    archive.write_bytes(archive.read_bytes()[:-200])

    with pytest.raises(UpdateFailed):
        place_at(bundle).stage(archive, "0.2.0")

    assert [path.name for path in bundle.parent.iterdir()] == ["athanor"]


def test_an_archive_cannot_write_outside_of_its_folder(tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar.gz"
    (tmp_path / "text").write_text("x")
    with tarfile.open(evil, "w:gz") as tar:
        tar.add(tmp_path / "text", "athanor/../../outside")

    with pytest.raises(UpdateFailed):
        unpack(evil, tmp_path / "deep" / "down" / "athanor-0.2.0")

    assert not list(tmp_path.rglob("outside"))


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd, which packs, is not installed")
def test_a_zstandard_archive_is_read_by_the_systems_library(tmp_path: Path) -> None:
    put_bundle(tmp_path / "athanor", "0.2.0")
    (tmp_path / "athanor" / "large").write_bytes(b"0123456789" * 300_000)
    packed = tmp_path / "a.tar.zst"
    command = ["tar", "--zstd", "-c", "-f", packed, "athanor"]
    subprocess.run(command, cwd=tmp_path, check=True)

    unpack(packed, tmp_path / "out" / "athanor-0.2.0")

    assert version_at(tmp_path / "out" / "athanor-0.2.0") == "athanor 0.2.0"
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(UpdateFailed):
        unpack(packed, tmp_path / "again" / "athanor-0.2.0")


def test_versions_that_are_not_needed_any_more_are_deleted(bundle: Path, tmp_path: Path) -> None:
    for version in ("0.2.0", "0.3.0"):
        place_at(bundle).stage(pack_bundle(tmp_path, version), version)
    place_at(bundle).switch_to("0.3.0")
    put_bundle(bundle.with_name("athanor-tools-0.1.0"), "0.1.0")

    place_at(bundle, "0.3.0").delete_but("0.3.0", "0.2.0")

    left = sorted(path.name for path in bundle.parent.iterdir())
    assert left == ["athanor", "athanor-0.2.0", "athanor-0.3.0", "athanor-tools-0.1.0"]


def test_a_folder_that_may_not_be_written_says_so(bundle: Path) -> None:
    place = place_at(bundle)

    assert place.hindrance == ""
    place.link = Path("/proc/1/athanor")
    assert "/proc/1" in place.hindrance
