"""WayBack: the version that runs stays to be had when the next one is in its place.

Folders of an archive, installers and apps stay by themselves. A package does not: where Athanor has
not fetched the one that runs, it is made from what is installed, before the next is fetched. A way
back that cannot be made is told, and is never in the way of the new version.
"""

import asyncio
import contextlib
import logging
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from app.core.base.errors import UpdateFailed
from app.installation.debian import DebianPlace
from app.installation.installed_package import InstalledPackage, environment, packing
from app.installation.kept import Kept
from app.installation.place import Place

log = logging.getLogger(__name__)

PACKING_SECONDS_MAX: Final = 600.0
"""Two or three, but it yields to whatever else the processor has to do."""
ROOM_FACTOR: Final = 3
"""The files, what dpkg-deb packs of them, and the package: packed they are not larger."""


@final
class WayBack:
    """The one from the next version to `running`. Used by one event loop."""

    def __init__(self, place: Place, kept: Kept, *, running: str) -> None:
        self._place = place if isinstance(place, DebianPlace) else None
        self._is_left_by_installer = place.kind == "setup"
        self._kept = kept
        self._running = running
        self._reason = "its package is not kept here"

    async def adopt(self) -> None:
        """The installer's copy of itself is what it is now: later it is compared with that."""
        if self._is_left_by_installer:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._kept.adopt, self._running)

    async def ensure(self, *, room_bytes: int) -> None:
        """The running version is kept when this returns, or `lack` says why it is not.

        So much of the disk, `room_bytes`, stays free for others.
        """
        if self._place is None or await asyncio.to_thread(self._is_kept):
            return
        try:
            await self._make(self._place, room_bytes)
        except UpdateFailed as error:
            self._reason = error.message
        except OSError as error:
            self._reason = error.strerror or type(error).__name__
        else:
            log.info("the package of the running version is kept")
            return
        # Who waits for a security fix must not be kept from it by this.
        log.warning("there will be no way back", extra={"reason": self._reason})

    async def lack(self) -> str:
        """Why the next version leaves no way back, and what helps; "" where it leaves one."""
        if self._place is None or await asyncio.to_thread(self._is_kept):
            return ""
        return (
            f"There is no way back from it to Athanor {self._running}: {self._reason}. "
            "Keep the package by which you installed that, if you want one."
        )

    def _is_kept(self) -> bool:
        try:
            self._kept.way_back(self._running)
        except UpdateFailed:
            return False
        return True

    async def _make(self, place: DebianPlace, room_bytes: int) -> None:
        """Raises: UpdateFailed, OSError; then nothing is left of it."""
        workshop = self._kept.workshop_of(self._running)
        tree = workshop / "tree"
        try:
            package = await asyncio.to_thread(place.installed, self._running)
            await asyncio.to_thread(self._lay_out, package, tree, room_bytes)
            made = workshop / package.file_name
            await _run(packing(tree, made), temporary=workshop)
            await asyncio.to_thread(self._kept.keep, self._running, made)
        finally:
            await asyncio.to_thread(shutil.rmtree, workshop, ignore_errors=True)

    def _lay_out(self, package: InstalledPackage, tree: Path, room_bytes: int) -> None:
        shutil.rmtree(tree.parent, ignore_errors=True)
        tree.parent.mkdir(parents=True, mode=0o700)
        needed = ROOM_FACTOR * package.size_bytes() + room_bytes
        if shutil.disk_usage(tree.parent).free < needed:
            raise UpdateFailed(f"its package takes {needed / 1e9:.1f} GB of free disk to make")
        package.lay_out(tree)


async def _run(command: Sequence[str], *, temporary: Path) -> None:
    """The command has ended well; one that nobody waits for any more is killed.

    Raises: UpdateFailed, OSError.
    """
    child = await create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        env={**environment(), "TMPDIR": os.fspath(temporary)},
    )
    try:
        async with asyncio.timeout(PACKING_SECONDS_MAX):
            _, said = await child.communicate()
    except TimeoutError:
        raise UpdateFailed("dpkg-deb was not done in time") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise UpdateFailed(f"dpkg-deb failed: {last}")
