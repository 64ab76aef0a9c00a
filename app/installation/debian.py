"""DebianPlace: a package of the system, which its package manager alone may replace.

Athanor runs without rights and asks for none: it fetches and checks the package, and says the one
command that installs it.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
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

    def command(self, file: Path) -> str:
        """See Place. apt takes a file for a package's name unless its path has a slash."""
        return f"sudo apt install --allow-downgrades {shlex.quote(str(file))}"

    def stage(self, file: Path, version: str) -> None:
        """Nothing: the package is whole as it is."""

    def take_over(self, file: Path | None, version: str, arguments: Sequence[str]) -> int:
        """See Place."""
        what = f"`{self.command(file)}` installs it" if file else "there is no package of it here"
        raise UpdateFailed(f"Athanor {version} is the package manager's to install: {what}")

    def put_back(self, file: Path | None, version: str) -> None:
        """See Place."""
        self.take_over(file, version, ())

    def kept(self) -> tuple[str, ...]:
        """See Place."""
        return ()
