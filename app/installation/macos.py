"""AppPlace: Athanor.app, exchanged as a whole (macOS).

The .app that was exchanged for the running one stays beside it: the way back, from the first update
on. NOT YET RUN ON MACOS: written by Apple's manuals of hdiutil, ditto and codesign; the exchange of
the folders (app_folders.py) is tested on Linux. It refuses to do anything on another system, and
leaves the old .app where it is when a step fails.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
from app.installation.app_folders import AppFolders, version_in
from app.settings.environment import for_other_programs
from app.settings.program import Program

_STEP_SECONDS_MAX: Final = 600.0
_TRANSLOCATED: Final = "/AppTranslocation/"
"""Where macOS runs an .app from that was never moved out of its disk image or download folder."""


@final
class AppPlace:
    """The .app around the running executable."""

    kind = "dmg"

    def __init__(self, program: Program) -> None:
        self._program = program.file
        self._app = next((p for p in program.file.parents if p.suffix == ".app"), None)

    @property
    def hindrance(self) -> str:
        """See Place."""
        if self._app is None:
            return "This copy is no .app: put the new one where you put this."
        if _TRANSLOCATED in str(self._app):
            return "Athanor runs from where it was downloaded: move it to Applications first."
        if not os.access(self._app.parent, os.W_OK):
            return (
                f"You may not write {self._app.parent}: open the new disk image, and move it there."
            )
        return ""

    def command(self, file: Path, *, is_back: bool = False) -> str:
        """See Place."""
        del file, is_back
        return ""

    def stage(self, file: Path, version: str) -> None:
        """Copies the .app out of its image, beside the running one, and checks its signature."""
        fresh = self._folders.staged
        shutil.rmtree(fresh, ignore_errors=True)
        with _mounted(file) as volume:
            found = next(volume.glob("*.app"), None)
            if found is None:
                raise UpdateFailed(f"the disk image of Athanor {version} holds no .app")
            _run("ditto", str(found), str(fresh))
        _run("codesign", "--verify", "--deep", "--strict", str(fresh))
        if version_in(fresh) != version:
            raise UpdateFailed(f"what came as Athanor {version} says that it is another version")

    def take_over(self, file: Path | None, version: str, arguments: Sequence[str]) -> int:
        """Exchanges the two, and goes on in this very process as the new one."""
        del file
        self._exchange(version)
        environment = for_other_programs(os.environ, is_frozen=True)
        os.execve(self._program, [str(self._program), *arguments], environment)  # noqa: S606

    def put_back(self, file: Path | None, version: str) -> None:
        """See Place. The .app that was kept is used before an image of it."""
        if version not in self.kept():
            if file is None:
                raise UpdateFailed(f"Athanor {version} is not here any more")
            self.stage(file, version)
        self._exchange(version)

    def kept(self) -> tuple[str, ...]:
        """See Place."""
        return () if self._app is None else self._folders.kept()

    def _exchange(self, version: str) -> None:
        _refuse_elsewhere()
        self._folders.exchange(version)

    @property
    def _folders(self) -> AppFolders:
        assert self._app is not None, "a place with a hindrance puts nothing in place"
        return AppFolders(self._app)


@contextmanager
def _mounted(image: Path) -> Iterator[Path]:
    """The volume of a disk image, for as long as the block."""
    with tempfile.TemporaryDirectory() as folder:
        _run("hdiutil", "attach", "-nobrowse", "-readonly", "-mountpoint", folder, str(image))
        try:
            yield Path(folder)
        finally:
            with contextlib.suppress(UpdateFailed):
                _run("hdiutil", "detach", folder)


def _run(*command: str) -> None:
    """One of the system's own programs. Raises: UpdateFailed with its last words."""
    _refuse_elsewhere()
    try:
        subprocess.run(  # noqa: S603  # the system's programs, on files that were verified
            command,
            env=for_other_programs(os.environ, is_frozen=True),
            capture_output=True,
            check=True,
            text=True,
            timeout=_STEP_SECONDS_MAX,
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().rpartition("\n")[2]
        raise UpdateFailed(f"{command[0]} failed: {last}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpdateFailed(f"{command[0]} failed ({type(error).__name__})") from None


def _refuse_elsewhere() -> None:
    if sys.platform != "darwin":
        raise UpdateFailed("an .app is put in place on macOS")
