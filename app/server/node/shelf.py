"""Shelf: the library of model files, on the event loop.

The library waits for the disk, so it is called in worker threads; what is known already is answered
at once. Whoever lists the models makes it look again in the background. It looks by itself too,
ever more seldom while nothing changes, so that files that were copied into a folder appear.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Final, final

from app.core.base.errors import ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.core.models.card import ModelCard
from app.core.models.watching import PAUSE_SECONDS_LEAST, next_pause
from app.core.state.engine_life import Loading
from app.core.state.events import (
    LibraryChanged,
    Listed,
    ModelsListed,
    NoticeCleared,
    NoticeRaised,
)
from app.core.state.node_state import LibraryFacts, Notice
from app.server.models.hasher import Hasher
from app.server.models.library import Entry, Library
from app.server.node.hub import Hub
from app.wire.model import ModelSource

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 5.0
"""A listing this young is not made again."""
_UNKNOWN_KEPT: Final = 256
_TROUBLE: Final = "library"
_DOWNLOAD_AGAIN: Final = "Download the file again."


@final
class Shelf:
    """The models that requests may name. Used by one event loop."""

    def __init__(self, library: Library, hub: Hub) -> None:
        self.library = library
        """The files themselves, for whoever may wait for the disk."""
        self._hub = hub
        self._scanned_at = -inf
        self._seen_from = -inf
        """When the newest look at the folders began that has ended."""
        self._is_stale = asyncio.Event()
        self._seeking = asyncio.Lock()
        self._unknown: dict[str, float] = {}
        """Names that a look at the folders did not find, and when that was."""
        self._leaving: set[ModelName] = set()
        self.hasher: Hasher | None = None
        """Reads contents; None until `keep_read` runs."""

    async def scan(self) -> bool:
        """Lists the files anew; the state shows them from now on. Whether something changed."""
        began = time.monotonic()
        has_changed = await asyncio.to_thread(self.library.scan)
        self._scanned_at = time.monotonic()
        self._seen_from = max(self._seen_from, began)
        self._unknown.clear()
        self._tell()
        return has_changed

    async def read_all(self) -> None:
        """Lists the files anew and reads every header that is new."""
        await self.scan()
        while await asyncio.to_thread(self.library.read_next):
            pass
        self._tell()

    async def keep_read(self) -> None:
        """Reads every header, then contents in the background; runs until cancelled.

        Lists anew whenever somebody looked, and by itself now and then, so that whoever watches
        learns of files that come and go.
        """
        loop = asyncio.get_running_loop()
        self.hasher = Hasher(
            self.library,
            on_change=lambda: _tell_later(loop, self._tell),
            is_busy=lambda: any(isinstance(m.life, Loading) for m in self._hub.state.engines()),
        )
        self.hasher.start()
        try:
            await self._keep_listed()
        finally:
            self.hasher.stop()

    async def _keep_listed(self) -> None:
        assert self.hasher is not None
        pause = PAUSE_SECONDS_LEAST
        while True:
            while await asyncio.to_thread(self.library.read_next):
                pass
            # Files that were refused leave the list.
            self._tell()
            self.hasher.wake()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._is_stale.wait()
            self._is_stale.clear()
            began = time.monotonic()
            has_changed = await self.scan()
            look_seconds = time.monotonic() - began
            pause = next_pause(pause, has_changed=has_changed, look_seconds=look_seconds)

    def look(self) -> None:
        """Somebody reads the list: list anew, soon, if it is old."""
        if time.monotonic() - self._scanned_at > FRESH_SECONDS:
            self._is_stale.set()

    def find(self, name: str) -> ModelName:
        """The canonical name for any spelling of it, at once.

        Raises: ModelNotFound, with the nearest names; ModelFileInvalid for a refused file.
        """
        if name in self._hub.state.models and name not in self._leaving:
            return ModelName(name)
        entry = self.library.listed(name)
        if entry.name in self._leaving:
            raise ModelNotFound(name)
        if entry.refusal:
            raise ModelFileInvalid(entry.refusal, remedy=entry.remedy or _DOWNLOAD_AGAIN)
        if entry.name not in self._hub.state.models:
            self._tell()
        return entry.name

    async def seek(self, name: str) -> None:
        """Look at the folders where nobody knows the name, at most every few seconds for each.

        A look that began before the question may have passed the file already, and one that has
        not ended may not have come to it, so neither counts; all who ask during one share the
        next.
        """
        asked_at = time.monotonic()
        if self._is_known(name) or asked_at - self._unknown.get(name, -inf) < FRESH_SECONDS:
            return
        async with self._seeking:
            if self._seen_from < asked_at:
                await self.scan()
        if not self._is_known(name):
            if len(self._unknown) >= _UNKNOWN_KEPT:
                self._unknown.clear()
            self._unknown[name] = time.monotonic()

    def _is_known(self, name: str) -> bool:
        if name in self._hub.state.models:
            return True
        try:
            self.library.listed(name)
        except ModelNotFound:
            return False
        return True

    async def read(self, name: ModelName) -> tuple[ModelSource, ModelCard]:
        """What to load, and its header as it is on the disk now.

        Raises: ModelNotFound; ModelFileInvalid.
        """
        card = await asyncio.to_thread(self.library.card, name)
        return self.library.find(name).source(), card

    def check(self, name: ModelName) -> None:
        """Has the model's content read soon, and compared with what its name claims."""
        self.library.want_digest(name)
        if self.hasher is not None:
            self.hasher.wake()

    @contextlib.asynccontextmanager
    async def without(self, name: ModelName, files: Collection[Path]) -> AsyncGenerator[None, None]:
        """Inside this block the model is not offered, and its files are not held open by us."""
        self._leaving.add(name)
        self._tell()
        try:
            if self.hasher is not None:
                await asyncio.to_thread(self.hasher.let_go, files)
            yield
        finally:
            self._leaving.discard(name)
            if self.hasher is not None:
                self.hasher.take_up(files)

    def cards(self) -> Mapping[ModelName, ModelCard]:
        """The headers that were read so far."""
        return {entry.name: entry.card for entry, _ in self._entries() if entry.card}

    def aliases(self, name: ModelName) -> tuple[str, ...]:
        """Other names of a listed model: what other programs call it, its file's, its own."""
        return next((entry.aliases for entry, _ in self._entries() if entry.name == name), ())

    def _entries(self) -> Iterator[tuple[Entry, bool]]:
        """All that can be named, and whether it is offered: a demonstration may step aside."""
        offered = self.library.entries()
        demonstration = self.library.demonstration()
        yield from ((entry, True) for entry in offered)
        if demonstration and not any(entry.is_demonstration for entry in offered):
            yield demonstration, False

    def _tell(self) -> None:
        listed = tuple(
            Listed(
                name=entry.name,
                size_bytes=entry.size_bytes,
                is_demonstration=entry.is_demonstration,
                is_offered=is_offered,
            )
            for entry, is_offered in self._entries()
            if not entry.refusal and entry.name not in self._leaving
        )
        if self._differs(listed):
            self._hub.publish(ModelsListed(models=listed))
        facts = self._facts()
        if facts != self._hub.state.library:
            self._hub.publish(LibraryChanged(library=facts))
        self._tell_troubles()

    def _facts(self) -> LibraryFacts:
        revision = self.library.revision
        progress = self.hasher.progress if self.hasher is not None else None
        if progress is None:
            return LibraryFacts(revision=revision)
        return LibraryFacts(
            revision=revision,
            hashing=str(progress.path),
            hashed_bytes=progress.bytes_done,
        )

    def _tell_troubles(self) -> None:
        troubles = " ".join(self.library.troubles())
        shown = [notice.message for notice in self._hub.state.notices if notice.key == _TROUBLE]
        if troubles and shown != [troubles]:
            log.warning("library", extra={"trouble": troubles})
            notice = Notice(key=_TROUBLE, severity="warning", message=troubles)
            self._hub.publish(NoticeRaised(notice=notice))
        elif shown and not troubles:
            self._hub.publish(NoticeCleared(key=_TROUBLE))

    def _differs(self, listed: tuple[Listed, ...]) -> bool:
        shown = {
            (model.name, model.size_bytes, model.is_listed)
            for model in self._hub.state.models.values()
            if model.is_listed or model.is_demonstration
        }
        return shown != {(each.name, each.size_bytes, each.is_offered) for each in listed}


def _tell_later(loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    """From the hasher's thread."""
    # The loop may end first where a disk hangs for longer than a stop waits.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)
