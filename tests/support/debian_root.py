"""A Debian root for tests: a folder with a database of its own, which the real dpkg installs into.

Small packages of Athanor are made for it. No rights are needed.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, final

import pytest

PROGRAM: Final = "usr/lib/athanor/athanor"
DOCUMENT: Final = "usr/share/doc/athanor/copyright"
SCRIPT: Final = "#!/bin/sh\nset -e\n# prerm of {version}\n"
CONTROL: Final = """\
Package: athanor
Version: {version}-1
Architecture: all
Maintainer: Nobody <nobody@athanor.example>
Description: private server for language models
 It has more lines than one.
 .
 And a blank one.
"""
FILES: Final = {PROGRAM: "the program of {version}", DOCUMENT: "who wrote it"}


@final
class DebianRoot:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        """Skips the test where there is no dpkg."""
        if shutil.which("dpkg") is None:
            pytest.skip("needs dpkg")
        self.folder = folder
        database = folder / "var/lib/dpkg"
        for name in ("info", "updates", "triggers"):
            (database / name).mkdir(parents=True)
        self.status = database / "status"
        self.status.touch()

    def install(self, package: Path, *options: str) -> None:
        """As `dpkg --install` does it."""
        forced = "--force-script-chrootless,not-root,bad-path,downgrade"
        log = f"--log={self.folder.parent}/dpkg.log"
        ran(["dpkg", f"--root={self.folder}", log, forced, *options, "--install", package])

    def version(self) -> str:
        """Of Athanor, as dpkg knows it."""
        return ran([
            "dpkg-query", f"--admindir={self.status.parent}",
            "--show", "--showformat=${Version}", "athanor",
        ])  # fmt: skip

    def files(self) -> set[str]:
        """All that packages have brought."""
        found = (path for path in self.folder.rglob("*") if not path.is_dir() or path.is_symlink())
        return {path.relative_to(self.folder).as_posix() for path in found} - self._of_dpkg()

    def _of_dpkg(self) -> set[str]:
        inside = self.status.parent.rglob("*")
        return {path.relative_to(self.folder).as_posix() for path in inside}


def make_package(folder: Path, version: str, files: Mapping[str, str] = FILES) -> Path:
    """A package of Athanor with these files and a link to its program, beside its tree."""
    tree = folder / f"tree-{version}"
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(version=version))
        path.chmod(0o644)
    (tree / PROGRAM).chmod(0o755)
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/athanor").symlink_to("../lib/athanor/athanor")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(CONTROL.format(version=version))
    (tree / "DEBIAN/prerm").write_text(SCRIPT.format(version=version))
    for path in (tree, *tree.rglob("*")):
        if path.is_dir() or path.name == "prerm":
            path.chmod(0o755)
    package = folder / f"athanor_{version}-1_all.deb"
    ran(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, package])
    return package


def ran(command: Sequence[str | Path]) -> str:
    """What a command printed; fails with its words where it ended badly."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
