"""SetupPlace: installed for one user by the installer, which replaces itself (Windows).

NOT YET RUN ON WINDOWS. The installer's own part (silent upgrade) is tested under Wine by
`make bundle-test`; this start of it is not. It refuses to do anything on another system.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
from app.installation.kept import require_as_kept
from app.settings.environment import for_other_programs
from app.settings.program import Program

SILENT_UPGRADE: Final = ("/S", "/UPDATE")
"""Asks nothing, waits until the running program is gone, and starts the tray if something ran."""

_DETACHED: Final = 0x00000008 | 0x00000200
"""DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP: it must outlive us, whom it replaces."""


@final
class SetupPlace:
    """The folder that the installer made."""

    kind = "setup"

    def __init__(self, program: Program) -> None:
        self._program = program

    @property
    def hindrance(self) -> str:
        """See Place."""
        if (self._program.folder / "Uninstall.exe").exists():
            return ""
        return "This copy was not put here by its installer: put the new one where you put this."

    def command(self, file: Path, *, is_back: bool = False) -> str:
        """See Place."""
        del file, is_back
        return ""

    def stage(self, file: Path, version: str) -> None:
        """Nothing: the installer unpacks itself."""

    def take_over(self, file: Path | None, version: str, arguments: Sequence[str]) -> int:
        """Starts the installer, which waits for our end; `arguments` are its own to choose."""
        del arguments
        if file is None or not file.exists():
            raise UpdateFailed(f"the installer of Athanor {version} is not here any more")
        # Answers had their time to end since it was read last.
        require_as_kept(file)
        if sys.platform != "win32":
            raise UpdateFailed("installers for Windows run on Windows")
        subprocess.Popen(  # noqa: S603  # what the publisher signed
            [file, *SILENT_UPGRADE],
            env=for_other_programs(os.environ, is_frozen=True),
            creationflags=_DETACHED,
            close_fds=True,
        )
        return 0

    def put_back(self, file: Path | None, version: str) -> None:
        """See Place."""
        self.take_over(file, version, ())

    def kept(self) -> tuple[str, ...]:
        """See Place: installers are kept as files (kept.py), not as versions."""
        return ()
