"""Fetching: the publisher's list of packs, and the archives of one, by the download process.

Asked only when the owner asks. The list is believed by its signature alone, whatever server it came
from, until its last day; an archive by the size and hash that the list names.

Whoever installs asks anew: a pack may have been withdrawn since. The list of an earlier look serves
where the publisher cannot be reached, as long as it is believed, and whoever goes by it says so.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple, final
from urllib.parse import urlsplit

from app.core.base.errors import HubRefused, HubUnreachable, RemoteNotFound
from app.core.release.envelope import (
    ENVELOPE_BYTES_MAX,
    SENTENCES,
    Refusal,
    Verify,
    open_signed,
)
from app.core.release.keys import Publisher
from app.core.release.manifest import address_beside
from app.core.runtime.packs import PACKS, Pack, PacksManifest
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.node.downloads.courier import courier
from app.server.node.downloads.refusals import error_of
from app.server.node.runtimes.store import Store
from app.wire.download import (
    Failed,
    Fetch,
    Fetched,
    FetchFile,
    Moved,
    RangeRead,
    ReadAddress,
)

log = logging.getLogger(__name__)

PURPOSE: Final = "runtime pack"


_LATER: Final = "Nothing was changed. Try again later, by another network if it stays so."
_REMEDIES: Final = {
    Refusal.EARLY: "Set the clock of this computer, then try again.",
    Refusal.EXPIRED: "Look at the clock of this computer. If it is right, the publisher has to "
    "sign the list anew; packs that are installed go on.",
}


class Listed(NamedTuple):
    """A list that is believed now."""

    raw: bytes
    """As it came, with its signatures."""
    manifest: PacksManifest
    is_kept: bool = False
    """It came with an earlier look: the publisher cannot be reached now."""


def opener_of(publisher: Publisher, verify: Verify) -> Callable[[bytes], PacksManifest | Refusal]:
    """Reads a manifest that was believed when it came: no date and no number is asked for."""
    return lambda raw: open_signed(raw, PACKS, keys=publisher.key, verify=verify, now=None)


@final
class Fetching:
    """Used by one event loop."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        verify: Verify,
        store: Store,
        program: EngineProgram,
        outbound: Outbound,
        address: Callable[[], str],
        disk_free_bytes_min: Callable[[], int],
        now: Callable[[], float],
    ) -> None:
        """`program` is that of downloads; `address` is the owner's, "" for the publisher's."""
        self._publisher = publisher
        self._verify = verify
        self._store = store
        self._program = program
        self._outbound = outbound
        self._address = address
        self._disk_free_bytes_min = disk_free_bytes_min
        self._now = now

    @property
    def address(self) -> str:
        """Of the list; "" where there is none."""
        return self._address() or self._publisher.packs_address

    @property
    def place(self) -> str:
        """The host of the list."""
        return urlsplit(self.address).netloc.rpartition("@")[2]

    @property
    def trouble(self) -> str:
        """Why no pack can be had, as a sentence; "" where nothing is known to be in the way."""
        if not self._publisher.key:
            return f"Packs cannot be had: {SENTENCES[Refusal.NO_KEYS]}."
        if not self.address:
            return "Packs cannot be had: no place is known; set runtime.packs_address."
        return ""

    async def look(self) -> Listed:
        """The list as it is now. Raises: HubRefused, RemoteNotFound, HubUnreachable, Busy."""
        if self.trouble:
            raise RemoteNotFound(self.trouble.rstrip("."))
        question = ReadAddress(
            address=self.address, bytes_max=ENVELOPE_BYTES_MAX, purpose="list of runtime packs"
        )
        async with courier(self._program, self._outbound) as child:
            raw = (await child.ask(question, RangeRead)).content
        found = self._read(raw)
        if isinstance(found, Refusal):
            log.warning("the list of packs is not believed", extra={"why": found.value})
            raise HubRefused(
                f"the list of packs is refused: {SENTENCES[found]}",
                remedy=_REMEDIES.get(found, _LATER),
            )
        await asyncio.to_thread(self._keep, raw, found.number)
        return Listed(raw, found)

    async def newest(self) -> Listed:
        """As `look`; the list of an earlier look where the publisher cannot be reached.

        Raises: as `look`; HubUnreachable where there is no such list, HubRefused where its last
        day is past.
        """
        try:
            return await self.look()
        except HubUnreachable as error:
            kept = await asyncio.to_thread(self.kept)
            if kept is None:
                raise
            if isinstance(kept, Refusal):
                raise HubRefused(
                    f"{error.message}, and the list of packs that is here is refused: "
                    f"{SENTENCES[kept]}",
                    remedy=_REMEDIES.get(kept, error.remedy),
                ) from None
            return kept

    def kept(self) -> Listed | Refusal | None:
        """The list of the last look, if it is believed now; None where there is none. Blocks."""
        kept = self._store.manifest()
        if kept is None:
            return None
        found = self._read(kept[0])
        return found if isinstance(found, Refusal) else Listed(kept[0], found, is_kept=True)

    def _read(self, raw: bytes) -> PacksManifest | Refusal:
        return open_signed(
            raw,
            PACKS,
            keys=self._publisher.key,
            verify=self._verify,
            now=int(self._now()),
            number_min=self._store.record.number,
        )

    def _keep(self, raw: bytes, number: int) -> None:
        self._store.keep_manifest(raw)
        if number != self._store.record.number:
            self._store.keep_number(number)

    async def bring(self, pack: Pack, on_bytes: Callable[[int], None]) -> None:
        """The archives of the pack lie in the store's work folder afterwards, whole.

        What arrived of an earlier try is kept and gone on with. Raises: as `look`; DiskFull.
        """
        work = self._store.work(pack)
        order = Fetch(
            repository="",
            revision="",
            files=tuple(
                FetchFile(
                    path=archive.name,
                    name=archive.name,
                    size=archive.size_bytes,
                    sha256=archive.sha256,
                    address=archive.address or address_beside(self.address, archive.name),
                )
                for archive in pack.archives
            ),
            folder=str(work),
            workshop=str(work / "parts"),
            # It is unpacked while the archives are still there.
            disk_free_bytes_min=self._disk_free_bytes_min() + pack.installed_bytes,
            purpose=PURPOSE,
        )
        async with courier(self._program, self._outbound) as child:
            async for news in child.fetch(order):
                match news:
                    case Moved():
                        on_bytes(news.done_bytes)
                    case Failed():
                        raise error_of(news)
                    case Fetched():
                        return
                    case _:
                        pass
