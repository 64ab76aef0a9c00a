"""The Debian package that was built, made again of what it installed: the way back to it."""

import subprocess
from pathlib import Path

import pytest

from app.installation.installed_package import InstalledPackage, environment, packing
from tests.packaging.installers.support import BUNDLE, ran
from tests.support.debian_root import DebianRoot

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(300)]


def tree(package: Path, folder: Path) -> Path:
    ran(["dpkg-deb", "--raw-extract", package, folder])
    return folder


def test_the_package_that_was_built_can_be_made_again_of_what_it_installs(tmp_path: Path) -> None:
    built = next(iter(sorted(BUNDLE.parent.glob("athanor_*.deb"))), None)
    if built is None:
        pytest.skip("needs dist/athanor_*.deb: make deb")
    debian = DebianRoot(tmp_path / "root")
    debian.install(built, "--force-depends")
    package = InstalledPackage(debian.version().rpartition("-")[0], debian.folder)
    made = tmp_path / package.file_name

    package.lay_out(tmp_path / "again")
    subprocess.run(packing(tmp_path / "again", made), env=environment(), check=True)

    assert made.name == built.name
    before, after = tree(built, tmp_path / "before"), tree(made, tmp_path / "after")
    fields = [
        sorted((each / "DEBIAN/control").read_text().splitlines()) for each in (before, after)
    ]
    assert fields[0] == fields[1]
    # The order of the fields and the sums are dpkg's own.
    (after / "DEBIAN/control").write_bytes((before / "DEBIAN/control").read_bytes())
    (after / "DEBIAN/md5sums").unlink()
    ran(["diff", "--recursive", "--no-dereference", before, after])
