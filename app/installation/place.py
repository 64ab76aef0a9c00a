"""Place: how this copy of the program is installed, and how another version takes its place.

    archive   a folder from the .tar.zst, on Linux: unpacked beside, a link is turned
    deb       a package of the system: the owner's own command installs it
    setup     Windows: the installer is started when the server has ended
    dmg       macOS: the .app is exchanged when the server has ended
    ""        Python runs it, from source or from a wheel: updated as it was installed

`stage` does what takes long while the server still serves; `take_over` is the last thing that the
ended server does.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, final

from app import __version__
from app.core.base.errors import UpdateFailed
from app.settings.program import Program


class Place(Protocol):
    """One way to be installed."""

    @property
    def kind(self) -> str:
        """`Build.kind` of the files that fit; "" where none does."""

    @property
    def hindrance(self) -> str:
        """Why no version can be put in place from here, a sentence; "" where it can."""

    def command(self, file: Path, *, is_back: bool = False) -> str:
        """What the owner types instead to install a fetched file; "" where nothing is typed.

        `is_back`: the file is of a version before this one.
        """

    def stage(self, file: Path, version: str) -> None:
        """Makes ready what can be while the server runs. Raises: UpdateFailed, OSError."""

    def take_over(self, file: Path | None, version: str, arguments: Sequence[str]) -> int:
        """Puts the version in place and starts it with `arguments`; the server has ended.

        `file` is what was fetched for it; None for one that is kept. Returns an exit status, or
        never, where another program goes on in this process. Raises: UpdateFailed, OSError.
        """

    def put_back(self, file: Path | None, version: str) -> None:
        """Puts a kept version in place where no server runs. Raises: UpdateFailed, OSError."""

    def kept(self) -> tuple[str, ...]:
        """The other versions that are still here, and need no file."""


@final
class SourcePlace:
    """Run by Python: git or pip put it there, and they put the next one."""

    kind = ""
    hindrance = (
        "This copy is run by Python, from its source or from a wheel: update it as you installed "
        "it, with git or pip."
    )

    def command(self, file: Path, *, is_back: bool = False) -> str:
        """See Place."""
        del file, is_back
        return ""

    def stage(self, file: Path, version: str) -> None:
        """See Place."""
        raise UpdateFailed(self.hindrance)

    def take_over(self, file: Path | None, version: str, arguments: Sequence[str]) -> int:
        """See Place."""
        raise UpdateFailed(self.hindrance)

    def put_back(self, file: Path | None, version: str) -> None:
        """See Place."""
        raise UpdateFailed(self.hindrance)

    def kept(self) -> tuple[str, ...]:
        """See Place."""
        return ()


def place_of(
    program: Program, *, platform: str = sys.platform, running: str = __version__
) -> Place:
    """How this program is installed."""
    if not program.is_bundle:
        return SourcePlace()
    match platform:
        case "win32":
            from app.installation.windows import SetupPlace  # noqa: PLC0415  # one system's

            return SetupPlace(program)
        case "darwin":
            from app.installation.macos import AppPlace  # noqa: PLC0415  # one system's

            return AppPlace(program)
        case _:
            from app.installation.archive import ArchivePlace  # noqa: PLC0415  # one system's
            from app.installation.debian import DebianPlace, is_packaged  # noqa: PLC0415

            if is_packaged(program):
                return DebianPlace()
            return ArchivePlace(program, running=running)
