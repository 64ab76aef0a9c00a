"""Librarian: what the owner does with the library: looks through it, deletes, adds folders.

A model that is loaded is unloaded before it is deleted, after its answers under way. From the
first moment of that nobody can ask for it any more, so no engine starts on a file that is going.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from app.core.base.errors import RequestError, SettingsInvalid
from app.core.base.ids import ModelName
from app.server.models.entry import Copy, Entry
from app.server.models.found import Found
from app.server.models.hasher import Progress
from app.server.models.library import Seen
from app.server.models.listing import GGUF_SUFFIX
from app.server.models.places import owners_places
from app.server.models.removal import delete, removal_of
from app.server.node.shelf import Shelf
from app.settings.fields import FIELDS
from app.settings.load import load_settings
from app.settings.paths import Paths, spelled_out
from app.settings.save import save_settings

log = logging.getLogger(__name__)

_SETTING = "models.folders"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was deleted."""

    name: ModelName
    paths: tuple[Path, ...]
    freed_bytes: int
    was_loaded: bool
    left: tuple[Copy, ...]
    """Copies that are not ours and stay."""


@final
class Librarian:
    """Used by one event loop. `end` ends a model's engine; True when there was one."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        paths: Paths,
        folders: tuple[str, ...],
        end: Callable[[ModelName], Awaitable[bool]],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._shelf = shelf
        self._library = shelf.library
        self._paths = paths
        self._folders = folders
        self._end = end
        self._environment = os.environ if environment is None else environment
        self._changing = asyncio.Lock()
        """Held while settings or files are changed, one wish after the other."""

    # --- looking -----------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """Rises whenever the list would be shown differently."""
        return self._library.revision

    @property
    def progress(self) -> Progress | None:
        """What is being hashed."""
        return self._shelf.hasher.progress if self._shelf.hasher is not None else None

    def entries(self) -> tuple[Entry, ...]:
        """Every model that is offered, and every file that cannot be loaded."""
        return self._library.entries()

    def places(self) -> tuple[Seen, ...]:
        """Every folder that was looked at."""
        return self._library.places()

    def troubles(self) -> tuple[str, ...]:
        """What went wrong in the owner's own folders, in sentences."""
        return self._library.troubles()

    def files(self, name: ModelName) -> tuple[Found, ...]:
        """The files of a model and its copies."""
        return self._library.files(name)

    def removable(self) -> frozenset[str]:
        """The paths of the places that stand in the settings file and can be taken out of it."""
        return frozenset(str(spelled_out(folder)) for folder in self._in_file())

    async def find(self, name: str) -> Entry:
        """The model or broken file of that name. Raises: ModelNotFound."""
        return await asyncio.to_thread(self._library.find, name)

    async def look(self) -> None:
        """Looks at every folder now, and reads the headers that are new."""
        await self._shelf.read_all()

    async def check(self, name: str) -> Entry:
        """Has the content of a model read soon. Raises: ModelNotFound."""
        entry = await self.find(name)
        self._shelf.check(entry.name)
        return entry

    # --- deleting ----------------------------------------------------------------------------

    async def remove(self, name: str) -> Removed:
        """Deletes the files of a model from our folder, unloading it first.

        Raises: ModelNotFound; NotOurs, with how to delete it where it belongs; ModelFileInvalid
        where the system refuses to delete a file.
        """
        async with self._changing:
            # What another program deleted meanwhile is not there to be deleted.
            await self._shelf.scan()
            entry = await self.find(name)
            files = self._library.files(entry.name)
            removal = await asyncio.to_thread(removal_of, entry, files)
            async with self._shelf.without(entry.name, removal.paths):
                was_loaded = await self._end(entry.name)
                await asyncio.to_thread(delete, removal)
                await asyncio.to_thread(self._library.scan)
            await self._shelf.scan()
        log.info("model deleted", extra={"model": entry.name, "bytes": removal.freed_bytes})
        return Removed(
            name=entry.name,
            paths=removal.paths,
            freed_bytes=removal.freed_bytes,
            was_loaded=was_loaded,
            left=self._left(files),
        )

    def _left(self, files: tuple[Found, ...]) -> tuple[Copy, ...]:
        return tuple(
            Copy(path=str(found.path), app=found.app, size_bytes=found.size_bytes)
            for found in files
            if found.path.exists()
        )

    # --- folders -----------------------------------------------------------------------------

    async def add_folder(self, path: str) -> None:
        """Offers the models of a folder, or one GGUF file, from now on.

        Raises: RequestError for what is no readable folder or is offered already; SettingsInvalid.
        """
        async with self._changing:
            self._refuse_fixed_folders()
            folder = await asyncio.to_thread(self._addable, path)
            await self._save((*self._in_file(), str(folder)))
            await self._use((*self._folders, str(folder)))

    async def remove_folder(self, path: str) -> None:
        """Offers its models no more; no file is touched.

        Raises: RequestError where it is none of the setting's; SettingsInvalid.
        """
        async with self._changing:
            self._refuse_fixed_folders()
            named = self._in_file()
            if _without(named, path) == named:
                raise RequestError(
                    f"{path} is none of the folders of the setting {_SETTING}",
                    field="path",
                    remedy="`athanor folders list` shows them.",
                )
            await self._save(_without(named, path))
            await self._use(_without(self._folders, path))

    def _addable(self, path: str) -> Path:
        """The folder or file as it is written down. Raises: RequestError."""
        folder = spelled_out(path)
        if not folder.is_absolute():
            raise RequestError(
                f"{path} is no absolute path", field="path", remedy="Begin with / or a drive."
            )
        try:
            if folder.is_dir():
                next(iter(os.scandir(folder)), None)
            elif not (folder.is_file() and folder.suffix.lower() == GGUF_SUFFIX):
                raise RequestError(f"there is no folder or GGUF file {path}", field="path")
        except OSError as error:
            raise RequestError(f"{path} cannot be read: {error.strerror}", field="path") from None
        if _same(folder, self._paths.models):
            raise RequestError(f"{path} is Athanor's own models folder", field="path")
        if any(_same(folder, spelled_out(known)) for known in self._folders):
            raise RequestError(f"{path} is offered already", field="path")
        return folder

    def _in_file(self) -> tuple[str, ...]:
        """The folders of the settings file. Raises: SettingsInvalid."""
        return load_settings(self._paths.config_file, {}, {}).settings.models.folders

    def _refuse_fixed_folders(self) -> None:
        """Raises SettingsInvalid where a change of the file would change nothing."""
        variable = FIELDS[_SETTING].variable
        if self._environment.get(variable):
            raise SettingsInvalid(
                f"{_SETTING} is set by the environment variable {variable}, which wins over the "
                "settings file",
                remedy=f"Change {variable}, or unset it and start the server again.",
            )

    async def _save(self, folders: tuple[str, ...]) -> None:
        changes = {_SETTING: folders or None}
        await asyncio.to_thread(save_settings, self._paths.config_file, changes)

    async def _use(self, folders: tuple[str, ...]) -> None:
        self._folders = folders
        self._library.set_places(owners_places(folders, self._paths))
        await self._shelf.scan()


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same place, there or not."""
    return os.path.realpath(one) == os.path.realpath(other)


def _without(folders: tuple[str, ...], path: str) -> tuple[str, ...]:
    gone = spelled_out(path)
    return tuple(folder for folder in folders if not _same(spelled_out(folder), gone))
