"""Known: what this node knows of its next version and of the one before, and how it tells it."""

import asyncio
import shutil
from pathlib import Path
from typing import Final, final

from msgspec.structs import replace

from app.core.base.errors import AthanorError, UpdateFailed
from app.core.release.manifest import Release
from app.core.release.offer import Offer, offer_of
from app.core.release.schedule import Hindrance
from app.core.state.events import UpdateChanged
from app.core.state.update_state import UpdateState
from app.installation.back import Back, find_back
from app.installation.kept import Kept
from app.installation.memory_file import MemoryFile
from app.installation.place import Place
from app.server.node.hub import Hub
from app.server.node.updates.way_back import WayBack

STATEMENT: Final = "latest.json"


@final
class Known:
    """The newest believed statement, and what it means here. Used by one event loop."""

    def __init__(
        self,
        *,
        hub: Hub,
        place: Place,
        memory: MemoryFile,
        kept: Kept,
        way_back: WayBack,
        system: str,
        running: str,
    ) -> None:
        self._hub = hub
        self._place = place
        self._memory = memory
        self._kept = kept
        self._way_back = way_back
        self._system = system
        self._running = running
        self.release: Release | None = None

    @property
    def state(self) -> UpdateState:
        """As it is told now."""
        return self._hub.state.update

    def offer(self, *, is_wished: bool = False) -> Offer | None:
        """What the statement means here; None without one.

        `is_wished`: its owner asks for it, which is more than that it was passed over.
        """
        if self.release is None:
            return None
        return offer_of(
            self.release,
            running=self._running,
            system=self._system,
            kind=self._place.kind,
            passed_over="" if is_wished else self._memory.read().passed_over,
        )

    def offered(self, *, is_wished: bool) -> Offer:
        """An offer with its build. Raises: UpdateFailed where nothing is offered."""
        offer = self.offer(is_wished=is_wished)
        if offer is None or offer.status == "newest":
            raise UpdateFailed(f"Athanor {self._running} is the newest version")
        if offer.build is None:
            raise UpdateFailed(self._place.hindrance or offer.sentence)
        return offer

    async def file(self, offer: Offer) -> Path | None:
        """The fetched file of the offer, read and compared now."""
        if offer.build is None:
            return None
        return await asyncio.to_thread(self._kept.file, offer.version, offer.build)

    async def back(self) -> Back:
        """The way back to the version before this one. Raises: UpdateFailed where there is none."""
        memory = self._memory.read()
        return await asyncio.to_thread(
            find_back, memory, self._place, self._kept, running=self._running
        )

    def sweep(self) -> None:
        """Deletes files that lead neither on nor back, and what a crash has left of making one."""
        offer, trial = self.offer(), self._memory.read().trial
        keep = {offer.version} if offer is not None and offer.build is not None else set()
        if not self._place.kept():
            # There the way back is by the file, not by a folder that is still there.
            keep |= {self._running, *([trial.previous] if trial else [])}
        self._kept.delete_but(*keep)
        shutil.rmtree(self._kept.workshop_of(self._running), ignore_errors=True)

    def keep_statement(self, raw: bytes) -> None:
        """For the next start. Raises: OSError."""
        self._kept.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._kept.folder / STATEMENT).write_bytes(raw)

    def kept_statement(self) -> bytes:
        """What `keep_statement` wrote; b"" without it."""
        try:
            return (self._kept.folder / STATEMENT).read_bytes()
        except OSError:
            return b""

    # --- telling ---

    async def tell(self) -> None:
        """How it stands after a start, a look or a fetch."""
        memory = self._memory.read()
        known = UpdateState(
            looked_at=memory.looked_at, back=await self._version_back(), fallen=memory.fallen
        )
        offer = self.offer()
        if offer is None:
            self._show(known)
            return
        if offer.build is None:
            status = "newest" if offer.status == "newest" else "blocked"
            self._show(replace(known, status=status, sentence=self._why_not(offer)))
            return
        file = await self.file(offer)
        self._show(
            replace(
                known,
                status="ready" if file else "offered",
                version=offer.version,
                notes=offer.notes,
                sentence=self._place.hindrance,
                remedy=await self._way_back.lack() if file else "",
                command=self._place.command(file) if file else "",
                size_bytes=offer.build.size_bytes,
                done_bytes=offer.build.size_bytes if file else 0,
            )
        )

    def tell_off(self, sentence: str, *, remedy: str) -> None:
        """Nobody is asked, and why."""
        self._show(replace(self.state, status="off", sentence=sentence, remedy=remedy))

    def tell_progress(self, offer: Offer, done_bytes: int) -> None:
        """So much of it is here."""
        size = offer.build.size_bytes if offer.build else 0
        fetching = UpdateState(
            status="fetching",
            version=offer.version,
            notes=offer.notes,
            size_bytes=size,
            done_bytes=done_bytes,
            looked_at=self.state.looked_at,
            back=self.state.back,
            fallen=self.state.fallen,
        )
        self._show(fetching)

    def tell_failure(self, error: AthanorError) -> None:
        """The last step came to nothing."""
        sentence = error.message[:1].upper() + error.message[1:].rstrip(".") + "."
        self._show(replace(self.state, status="failed", sentence=sentence, remedy=error.remedy))

    def tell_waiting(self, hindrance: Hindrance) -> None:
        """It goes on later by itself."""
        status = "offered" if self.state.status == "fetching" else self.state.status
        sentence = f"It waits, since {hindrance.value}."
        self._show(replace(self.state, status=status, sentence=sentence))

    def tell_restarting(self, version: str) -> None:
        """The server ends for that version."""
        self._show(replace(self.state, status="restarting", version=version))

    async def _version_back(self) -> str:
        try:
            return (await self.back()).version
        except UpdateFailed:
            # Who asks for it is told why.
            return ""

    def _why_not(self, offer: Offer) -> str:
        if offer.status == "not_for_here" and self._place.hindrance:
            return f"Athanor {offer.version} can be had. {self._place.hindrance}"
        return offer.sentence

    def _show(self, state: UpdateState) -> None:
        if state != self.state:
            self._hub.publish(UpdateChanged(update=state))
