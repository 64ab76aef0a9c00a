"""Shelf: the library of model files, on the event loop.

The library waits for the disk, so it is called in worker threads; what is known already is answered
at once. Whoever lists the models makes it look again in the background, so files that were copied
into a folder appear by themselves, and nothing happens while nobody looks.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Final, final

from app.core.base.errors import ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.core.models.card import ModelCard
from app.core.state.events import Listed, ModelsListed, NoticeCleared, NoticeRaised
from app.core.state.node_state import Notice
from app.server.models.library import Entry, Library
from app.server.node.hub import Hub
from app.wire.model import ModelSource

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 5.0
"""A listing this young is not made again."""
_UNKNOWN_KEPT: Final = 256
_TROUBLE: Final = "library"


@final
class Shelf:
    """The models that requests may name. Used by one event loop."""

    def __init__(self, library: Library, hub: Hub) -> None:
        self._library = library
        self._hub = hub
        self._scanned_at = float("-inf")
        self._is_stale = asyncio.Event()
        self._unknown: dict[str, tuple[float, ModelNotFound]] = {}

    async def scan(self) -> None:
        """Lists the files anew; the state shows them from now on."""
        await asyncio.to_thread(self._library.scan)
        self._scanned_at = time.monotonic()
        self._unknown.clear()
        self._tell()

    async def keep_read(self) -> None:
        """Reads every header, and lists anew whenever somebody looked; runs until cancelled."""
        while True:
            while await asyncio.to_thread(self._library.read_next):
                pass
            # Files that were refused leave the list.
            self._tell()
            await self._is_stale.wait()
            self._is_stale.clear()
            await self.scan()

    def look(self) -> None:
        """Somebody reads the list: list anew, soon, if it is old."""
        if time.monotonic() - self._scanned_at > FRESH_SECONDS:
            self._is_stale.set()

    def find(self, name: str) -> ModelName:
        """The canonical name for any spelling of it.

        An unknown name makes the library look at its folders, at most every few seconds. Raises:
        ModelNotFound, with the nearest names; ModelFileInvalid for a file that was refused.
        """
        if name in self._hub.state.models:
            return ModelName(name)
        if (known := self._unknown.get(name)) and time.monotonic() - known[0] < FRESH_SECONDS:
            raise known[1]
        try:
            entry = self._library.find(name)
        except ModelNotFound as error:
            if len(self._unknown) >= _UNKNOWN_KEPT:
                self._unknown.clear()
            self._unknown[name] = (time.monotonic(), error)
            raise
        if entry.refusal:
            raise ModelFileInvalid(entry.refusal, remedy="Download the file again.")
        if entry.name not in self._hub.state.models:
            self._tell()
        return entry.name

    async def read(self, name: ModelName) -> tuple[ModelSource, ModelCard]:
        """What to load, and its header as it is on the disk now.

        Raises: ModelNotFound; ModelFileInvalid.
        """
        card = await asyncio.to_thread(self._library.card, name)
        return self._library.find(name).source(), card

    def cards(self) -> Mapping[ModelName, ModelCard]:
        """The headers that were read so far."""
        return {entry.name: entry.card for entry, _ in self._entries() if entry.card}

    def aliases(self, name: ModelName) -> tuple[str, ...]:
        """Other names of a listed model: that of its file, and its own."""
        for entry, _ in self._entries():
            if entry.name == name:
                own = entry.card.name if entry.card else ""
                names = dict.fromkeys((PurePath(entry.path).stem, own))
                return tuple(alias for alias in names if alias and alias != name)
        return ()

    def _entries(self) -> Iterator[tuple[Entry, bool]]:
        """All that can be named, and whether it is offered: a demonstration may step aside."""
        offered = self._library.entries()
        demonstration = self._library.demonstration()
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
            if not entry.refusal
        )
        if self._differs(listed):
            self._hub.publish(ModelsListed(models=listed))
        self._tell_troubles()

    def _tell_troubles(self) -> None:
        troubles = " ".join(self._library.troubles())
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
