"""Updates: looks for new versions of this program, fetches them, and ends the server for one.

What is decided stands in core/release: when to look, what is believed, what is offered, whether a
version has shown that it works. How a version takes its place is installation's. Here one step is
made at a time, and nothing is done by itself that the settings or the moment forbid. Nothing
happens by itself but looking and fetching: a restart is the owner's.
"""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple, final

from app import __version__
from app.core.base.errors import AthanorError, Busy, UpdateFailed
from app.core.release.envelope import Refusal
from app.core.release.keys import Publisher
from app.core.release.offer import Offer
from app.core.release.schedule import (
    RETRY_SECONDS,
    Hindrance,
    hindrance_of,
    next_fetch,
    next_look,
)
from app.core.release.trial import Memory, fetched, handing_over, left, looked, not_fetched
from app.core.sharing.facts import Facts
from app.installation.kept import Kept
from app.installation.memory_file import MemoryFile
from app.installation.place import Place
from app.server.node.hub import Hub
from app.server.node.updates.fetching import Publishing
from app.server.node.updates.known import Known
from app.server.node.updates.way_back import WayBack
from app.settings.schema import Settings

log = logging.getLogger(__name__)

HINDERED_SECONDS: Final = 60.0
"""The rhythm of looking whether the moment has become a better one."""
TELL_BYTES: Final = 2 * 1024**2
_BUSY_SECONDS: Final = 10

NO_KEYS: Final = "Updates are off: this copy of Athanor was built without its publisher's keys."
NO_ADDRESS: Final = "Updates are off: nobody says where new versions are announced."
SWITCHED_OFF: Final = "Nobody is asked for new versions: the setting updates.daily is off."
REMEDIES: Final = {
    NO_KEYS: "Get new versions where you got this one.",
    NO_ADDRESS: "The setting updates.address names a place.",
}
"""Of those that a person can do something about."""


class Successor(NamedTuple):
    """The version that takes over when the server has ended."""

    version: str
    file: Path | None
    """What was fetched of it; None for one that is kept in its place."""


@final
class Updates:
    """All that a running node does about its next version. Used by one event loop."""

    def __init__(
        self,
        *,
        hub: Hub,
        publisher: Publisher,
        publishing: Publishing,
        place: Place,
        memory: MemoryFile,
        kept: Kept,
        system: str,
        settings: Callable[[], Settings],
        facts: Callable[[], Facts],
        stop: Callable[[], None],
        now: Callable[[], float],
        chance: random.Random,
        running: str = __version__,
    ) -> None:
        """`facts` are the neighbour's last; `stop` begins the server's end in order."""
        self._way_back = WayBack(place, kept, running=running)
        self._known = Known(
            hub=hub,
            place=place,
            memory=memory,
            kept=kept,
            way_back=self._way_back,
            system=system,
            running=running,
        )
        self._hub = hub
        self._publisher = publisher
        self._publishing = publishing
        self._place = place
        self._memory = memory
        self._kept = kept
        self._settings = settings
        self._facts = facts
        self._stop = stop
        self._now = now
        self._chance = chance
        self._running = running
        self._started_at = now()
        self._step = asyncio.Lock()
        """Held during a look, a fetch or an installation."""
        self._wake = asyncio.Event()
        self.successor: Successor | None = None
        """Set when the server ends for another version."""

    # --- what others ask ---

    def wake(self) -> None:
        """The settings may have changed."""
        self._wake.set()

    async def look(self) -> None:
        """Asks now, whatever the moment. Raises: UpdateFailed and its kin."""
        async with self._step:
            await self._look()

    async def fetch(self) -> None:
        """The new version is here and checked when this returns. Raises: as `look`."""
        async with self._step:
            if self._known.release is None:
                await self._look()
            await self._fetch(is_patient=False)

    async def install(self, *, is_urgent: bool) -> None:
        """Begins the end of the server, after which the new version starts in its place.

        Raises: Busy while answers are under way, unless it is urgent; UpdateFailed and its kin.
        """
        self._refuse_while_answering(is_urgent=is_urgent)
        if self._place.hindrance:
            raise UpdateFailed(self._place.hindrance)
        await self.fetch()
        async with self._step:
            offer = self._known.offered(is_wished=True)
            file = await self._fetched(offer)
            if command := self._place.command(file):
                lack = await self._way_back.lack()
                remedy = f"{lack} Start Athanor again then.".lstrip()
                raise UpdateFailed(f"`{command}` installs it", remedy=remedy)
            await asyncio.to_thread(self._place.stage, file, offer.version)
            self._refuse_while_answering(is_urgent=is_urgent)
            self._hand_over(Successor(offer.version, file))

    async def go_back(self, *, is_urgent: bool) -> None:
        """The same, for the version before this one. Raises: as `install`."""
        async with self._step:
            self._refuse_while_answering(is_urgent=is_urgent)
            version, file = await self._known.back()
            # Before all else: a package is the owner's to install, who is done with this version.
            self._memory.change(lambda memory: left(memory, self._running))
            if file is not None and (command := self._place.command(file, is_back=True)):
                raise UpdateFailed(f"`{command}` goes back to Athanor {version}")
            if file is not None:
                await asyncio.to_thread(self._place.stage, file, version)
            self._hand_over(Successor(version, file))

    # --- by itself ---

    async def open(self) -> None:
        """What was believed before the last end, and still is."""
        raw = await asyncio.to_thread(self._known.kept_statement)
        found = self._publishing.read(raw, number_min=self._memory.read().number_seen)
        self._known.release = None if isinstance(found, Refusal) else found
        await asyncio.to_thread(self._known.sweep)
        await self._way_back.adopt()
        await self._known.tell()

    async def keep_watch(self) -> None:
        """Looks and fetches as the settings want it; runs until cancelled."""
        await self.open()
        chance = self._chance.random()
        while True:
            self._wake.clear()
            if off := self._off():
                self._known.tell_off(off, remedy=REMEDIES.get(off, ""))
                await self._wake.wait()
                await self._known.tell()
                continue
            memory, now = self._memory.read(), self._now()
            look_at = next_look(
                looked_at=memory.looked_at,
                failures=memory.failures,
                started_at=self._started_at,
                now=now,
                chance=chance,
            )
            due = min(look_at, self._fetch_at(memory, now, chance))
            if now < due:
                await self._rest(due - now)
            elif hindrance := self._hindrance():
                self._known.tell_waiting(hindrance)
                await self._rest(HINDERED_SECONDS)
            elif now >= look_at:
                await self._by_itself(self._look)
                chance = self._chance.random()
            else:
                await self._by_itself(lambda: self._fetch(is_patient=True))

    async def _by_itself(self, step: Callable[[], Awaitable[None]]) -> None:
        """A step whose failure is told in the state, and by nothing else."""
        try:
            async with self._step:
                await step()
        except AthanorError as error:
            log.info("a step of an update failed", extra={"reason": error.kind})
        except OSError as error:
            reason = error.strerror or type(error).__name__
            log.warning("a step of an update cannot be written", extra={"reason": reason})
            self._known.tell_failure(
                UpdateFailed(f"the files of updates cannot be written: {reason}")
            )
            # What is not remembered would be due again at once.
            await self._rest(RETRY_SECONDS)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    # --- the steps ---

    async def _look(self) -> None:
        if not self._publisher.key or not self._address():
            off = self._off()
            raise UpdateFailed(off[:1].lower() + off[1:].rstrip("."), remedy=REMEDIES[off])
        try:
            release, raw = await self._publishing.ask(
                self._address(), number_min=self._memory.read().number_seen
            )
        except AthanorError as error:
            now = self._now()
            self._memory.change(lambda memory: looked(memory, now, number=None))
            self._known.tell_failure(error)
            raise
        self._known.release = release
        now = self._now()
        self._memory.change(lambda memory: looked(memory, now, number=release.number))
        await asyncio.to_thread(self._known.keep_statement, raw)
        await self._known.tell()

    async def _fetch(self, *, is_patient: bool) -> None:
        """`is_patient`: leaves off where the moment is no good one any more, and says so."""
        offer = self._known.offered(is_wished=not is_patient)
        assert offer.build is not None, "what is offered has a build"
        room = self._settings().downloads.disk_free_bytes_min + offer.build.size_bytes
        try:
            # Before the new version is here, so that whoever has one had the way back tried.
            await self._way_back.ensure(room_bytes=room)
            if await self._known.file(offer) is None:
                if not await self._bring(offer, is_patient=is_patient):
                    return
                await self._fetched(offer)
        except AthanorError as error:
            now, wanted = self._now(), offer.build.sha256
            self._memory.change(lambda memory: not_fetched(memory, wanted, now))
            self._known.tell_failure(error)
            raise
        self._memory.change(fetched)
        await self._known.tell()

    async def _bring(self, offer: Offer, *, is_patient: bool) -> bool:
        """Whether all of it came; False where the moment was no good one any more."""
        assert offer.build is not None, "what is offered has a build"
        told = -TELL_BYTES
        downloads = self._settings().downloads
        fetching = self._publishing.fetch(self._address(), offer.version, offer.build, downloads)
        async with aclosing(fetching) as progress:
            async for done in progress:
                if is_patient and (hindrance := self._hindrance()):
                    self._known.tell_waiting(hindrance)
                    return False
                if done - told >= TELL_BYTES:
                    told = done
                    self._known.tell_progress(offer, done)
        return True

    async def _fetched(self, offer: Offer) -> Path:
        """The file, whose bytes are read and compared now. Raises: UpdateFailed."""
        file = await self._known.file(offer)
        if file is None:
            raise UpdateFailed(
                f"the file of Athanor {offer.version} is not what was announced",
                remedy="Fetch it again.",
            )
        return file

    def _hand_over(self, successor: Successor) -> None:
        version = successor.version
        self._memory.change(
            lambda memory: handing_over(memory, version=version, previous=self._running)
        )
        log.info("ending for another version", extra={"version": version})
        self.successor = successor
        self._known.tell_restarting(version)
        self._stop()

    # --- what is so now ---

    def _off(self) -> str:
        """Why nobody is asked; "" where somebody is."""
        if not self._publisher.key:
            return NO_KEYS
        if not self._address():
            return NO_ADDRESS
        return SWITCHED_OFF if self._settings().updates.daily == "off" else ""

    def _address(self) -> str:
        return self._settings().updates.address or self._publisher.address

    def _fetch_at(self, memory: Memory, now: float, chance: float) -> float:
        """When the new version is fetched by itself; never, where nothing is to be fetched."""
        offer, unfetched = self._known.offer(), memory.unfetched
        is_wanted = (
            self._settings().updates.daily == "fetch"
            and not self._place.hindrance
            and self._known.state.status in {"offered", "failed"}
            # What was believed before a look that failed may be withdrawn by now.
            and not memory.failures
        )
        if not is_wanted or offer is None or offer.build is None:
            return math.inf
        if unfetched is None or unfetched.sha256 != offer.build.sha256:
            return now
        return next_fetch(
            failed_at=unfetched.failed_at, failures=unfetched.failures, now=now, chance=chance
        )

    def _hindrance(self) -> Hindrance | None:
        return hindrance_of(self._facts(), requests=len(self._hub.state.requests))

    def _refuse_while_answering(self, *, is_urgent: bool) -> None:
        count = len(self._hub.state.requests)
        if count and not is_urgent:
            raise Busy(
                f"{count} answer{'s are' if count > 1 else ' is'} under way",
                retry_after_seconds=_BUSY_SECONDS,
                remedy="Wait for the end, or restart now all the same.",
            )
