"""In force: the settings that hold now, and who is told when some of them change.

The file is written by the dashboard, the tray or the command line, each of which then has it read
here. Only what settings/live.py names changes while the server runs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, final

from app.settings.fields import FIELDS, HOST_SECTION
from app.settings.live import differing, followed
from app.settings.load import load_settings
from app.settings.schema import Settings

log = logging.getLogger(__name__)

_WINNERS: Final = ("environment", "flag")

Use = Callable[[Settings], Awaitable[None]]


class Read(NamedTuple):
    """What became of the file's settings, by their paths."""

    changed: tuple[str, ...]
    """They hold another value from now on."""
    waiting: tuple[str, ...]
    """The file says otherwise, and that holds from the next start on."""
    fixed: tuple[str, ...]
    """A variable or a flag sets them, which wins over the file."""


@final
class InForce:
    """Used by one event loop."""

    def __init__(
        self, settings: Settings, *, config_file: Path, origins: Mapping[str, str] | None = None
    ) -> None:
        """`origins` says where each value came from at the start."""
        self.settings = settings
        self._file = config_file
        self._fixed = tuple(
            path for path, origin in (origins or {}).items() if origin.startswith(_WINNERS)
        )
        self._uses: list[Use] = []

    def heed(self, use: Use) -> None:
        """Have `use` called with the settings whenever some of them changed."""
        self._uses.append(use)

    async def read_file(self) -> Read:
        """Follow the file as far as that can be done while the server runs.

        Raises: SettingsInvalid; everything stays as it was then.
        """
        in_file = (await asyncio.to_thread(load_settings, self._file, {}, {})).settings
        before, self.settings = self.settings, followed(self.settings, in_file, self._fixed)
        changed = differing(before, self.settings)
        if changed:
            log.info("settings changed", extra={"settings": " ".join(changed)})
            for use in self._uses:
                await use(self.settings)
        return Read(changed=changed, waiting=self._waiting(in_file), fixed=self._fixed)

    def _waiting(self, in_file: Settings) -> tuple[str, ...]:
        """Settings of this process; the host of a pool is another one."""
        return tuple(
            path
            for path in differing(self.settings, in_file)
            if path not in self._fixed and FIELDS[path].section != HOST_SECTION
        )
