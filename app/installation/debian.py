"""DebianPlace: a package of the system, which its package manager alone may replace.

Athanor runs without rights and asks for none: it fetches and checks the package, and says the one
command that installs it. The package of the version that runs is made again where it was not
fetched (server/node/updates/way_back.py), since dpkg keeps none.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
from app.installation.installed_package import InstalledPackage
from app.settings.program import Program

PACKAGE_FILES: Final = Path("/var/lib/dpkg/info/athanor.list")
"""dpkg's list of what the package put where."""


def is_packaged(program: Program, listed: Path = PACKAGE_FILES) -> bool:
    """Whether the running executable is one of the package's files."""
    try:
        return str(program.file) in listed.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False


@final
class DebianPlace:
    """Installed by apt or dpkg."""

    kind = "deb"
    hindrance = ""

    def __init__(self, root: Path = Path("/")) -> None:
        """`root` is where the root of the system lies whose dpkg installed it."""
        self._root = root

    def installed(self, version: str) -> InstalledPackage:
        """The package that is installed. Raises: UpdateFailed where it is not `version`."""
        return InstalledPackage(version, self._root)

    def command(self, file: Path, *, is_back: bool = False) -> str:
        """See Place. apt takes a file for a package's name unless its path has a slash."""
        downwards = "--allow-downgrades " if is_back else ""
        return f"sudo apt install {downwards}{shlex.quote(str(file))}"

    def stage(self, file: Path, version: str) -> None:
        """Nothing: the package is whole as it is."""

    def take_over(self, file: Path | None, version: str, arguments: Sequence[str]) -> int:
        """See Place."""
        raise _refused(version, self.command(file) if file else "")

    def put_back(self, file: Path | None, version: str) -> None:
        """See Place."""
        raise _refused(version, self.command(file, is_back=True) if file else "")

    def kept(self) -> tuple[str, ...]:
        """See Place."""
        return ()


def _refused(version: str, command: str) -> UpdateFailed:
    what = f"`{command}` installs it" if command else "there is no package of it here"
    return UpdateFailed(f"Athanor {version} is the package manager's to install: {what}")
