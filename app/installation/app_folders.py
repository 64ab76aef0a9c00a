"""AppFolders: an .app, the next one staged beside it, and the one that was there before it.

`.Athanor-new.app` and `.Athanor-previous.app` lie beside `Athanor.app`, so that an exchange is
renames within one folder. Which version each is stands in its Info.plist.
"""

import plistlib
import shutil
from pathlib import Path
from typing import Final, final
from xml.parsers.expat import ExpatError

from app.core.base.errors import UpdateFailed
from app.core.release.manifest import version_of

_ABOUT: Final = Path("Contents", "Info.plist")
_VERSION: Final = "CFBundleShortVersionString"


@final
class AppFolders:
    """The three of one .app; two of them need not exist."""

    def __init__(self, app: Path) -> None:
        self._app = app
        self.staged = self._beside("new")
        self._previous = self._beside("previous")
        self._leaving = self._beside("leaving")

    def kept(self) -> tuple[str, ...]:
        """The version that was exchanged for this one, if it is another and still there."""
        version = version_in(self._previous)
        return (version,) if version and version != version_in(self._app) else ()

    def exchange(self, version: str) -> None:
        """`version`, staged or kept, is in the place of this one, which is kept from then on.

        Raises: UpdateFailed where neither is that version; OSError, with all as it was before.
        """
        both = (self.staged, self._previous)
        coming = next((folder for folder in both if version_in(folder) == version), None)
        if coming is None:
            raise UpdateFailed(f"there is no Athanor {version} beside {self._app}")
        shutil.rmtree(self._leaving, ignore_errors=True)
        self._app.rename(self._leaving)
        try:
            coming.rename(self._app)
        except OSError:
            self._leaving.rename(self._app)
            raise
        shutil.rmtree(self._previous, ignore_errors=True)
        self._leaving.rename(self._previous)

    def _beside(self, word: str) -> Path:
        return self._app.with_name(f".{self._app.stem}-{word}.app")


def version_in(app: Path) -> str:
    """What an .app says that it is; "" where there is none, or none that can be read."""
    try:
        told = plistlib.loads((app / _ABOUT).read_bytes())
    except (OSError, ValueError, ExpatError):
        return ""
    version = told.get(_VERSION) if isinstance(told, dict) else None
    return version if isinstance(version, str) and version_of(version) else ""
