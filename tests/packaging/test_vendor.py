"""What the dashboard ships of others is what its manifest pins, and nothing else."""

import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tidy.source import ROOT, read

VENDOR = ROOT / "packaging" / "vendor"
sys.path.insert(0, str(VENDOR))

import fetch  # noqa: E402  # a script, run without the project installed

SHIPPED = ROOT / "assets/dashboard/static/vendor"


def test_each_shipped_file_has_the_hash_that_is_pinned() -> None:
    kept = [file for package in fetch.packages().values() for file in package.files]
    shipped = [file for file in kept if file.path.is_relative_to(SHIPPED)]

    assert {file.path.name for file in shipped if not file.is_there} == set()
    assert {path.name for path in SHIPPED.iterdir()} == {
        *(file.path.name for file in shipped),
        "LICENSES.txt",
    }


def test_each_shipped_package_is_named_with_its_licence() -> None:
    for package in fetch.packages().values():
        if package.files[0].path.is_relative_to(SHIPPED):
            assert f"| {package.name} | {package.licence} |" in read("NOTICE")
            assert package.version in (SHIPPED / "LICENSES.txt").read_text()


def _archive(folder: Path, body: bytes) -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("package/dist/htmx.min.js")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    return path


def test_an_archive_of_another_hash_is_refused(tmp_path: Path) -> None:
    package = fetch.packages()["htmx.org"]

    with pytest.raises(fetch.WrongHash):
        fetch.take(package, _archive(tmp_path, b"alert(1)"))


def test_a_file_of_another_hash_is_not_written(tmp_path: Path) -> None:
    archive = _archive(tmp_path, b"alert(1)")
    came = fetch.base64.b64encode(fetch.hashlib.sha512(archive.read_bytes()).digest()).decode()
    file = fetch.Kept("package/dist/htmx.min.js", tmp_path / "out.js", "0" * 64)
    package = replace(fetch.packages()["htmx.org"], integrity=f"sha512-{came}", files=(file,))

    with pytest.raises(fetch.WrongHash):
        fetch.take(package, archive)
    assert not file.path.exists()
