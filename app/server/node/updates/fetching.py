"""Fetching: asks the publisher's place, by a download child, and brings what it signed."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import final
from urllib.parse import urlsplit

from app.core.base.errors import UpdateFailed
from app.core.release.envelope import (
    ENVELOPE_BYTES_MAX,
    SENTENCES,
    Refusal,
    Verify,
    open_signed,
)
from app.core.release.keys import ReleaseKey
from app.core.release.manifest import RELEASE, Build, Release, address_beside
from app.installation.kept import Kept
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.node.downloads.courier import courier
from app.server.node.downloads.refusals import error_of
from app.settings.download_schema import DownloadSettings
from app.wire.download import Failed, Fetch, FetchFile, Moved, RangeRead, ReadAddress

PURPOSE = "update"
"""As the page of calls to other machines names it."""


@final
class Publishing:
    """The publisher's place. Used by one event loop."""

    def __init__(
        self,
        *,
        keys: tuple[ReleaseKey, ...],
        verify: Verify,
        program: EngineProgram,
        outbound: Outbound,
        kept: Kept,
        now: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._verify = verify
        self._program = program
        self._outbound = outbound
        self._kept = kept
        self._now = now

    async def ask(self, address: str, *, number_min: int) -> tuple[Release, bytes]:
        """The newest version that is announced there, and the signed bytes that say so.

        Raises: UpdateFailed for what is not believed; what refusals.py names; CourierFell.
        """
        question = ReadAddress(address=address, bytes_max=ENVELOPE_BYTES_MAX, purpose=PURPOSE)
        async with courier(self._program, self._outbound) as child:
            raw = (await child.ask(question, RangeRead)).content
        found = self.read(raw, number_min=number_min)
        if isinstance(found, Refusal):
            host = urlsplit(address).netloc.rpartition("@")[2]
            raise UpdateFailed(
                f"what {host} says of new versions is not believed: {SENTENCES[found]}",
                remedy="Nothing was installed. Try again later, by another network if it stays so.",
            )
        return found, raw

    def read(self, raw: bytes, *, number_min: int) -> Release | Refusal:
        """What signed bytes announce, if they are believed now."""
        return open_signed(
            raw,
            RELEASE,
            keys=self._keys,
            verify=self._verify,
            now=int(self._now()),
            number_min=number_min,
        )

    async def fetch(
        self, address: str, version: str, build: Build, settings: DownloadSettings
    ) -> AsyncGenerator[int, None]:
        """Bytes that are here, as they grow; at the end the file is whole, checked and kept.

        Closing it stops the transfer, which goes on from there another time. Raises: what
        refusals.py names; CourierFell; OSError.
        """
        await asyncio.to_thread(self._kept.expect, version, build)
        file = FetchFile(
            path=build.name,
            name=build.name,
            size=build.size_bytes,
            sha256=build.sha256,
            address=address_beside(address, build.name),
        )
        order = Fetch(
            repository="",
            revision="",
            files=(file,),
            folder=str(self._kept.folder_of(version)),
            workshop=str(self._kept.workshop_of(version)),
            bytes_per_second=settings.bytes_per_second,
            disk_free_bytes_min=settings.disk_free_bytes_min,
            purpose=PURPOSE,
        )
        async with (
            courier(self._program, self._outbound) as child,
            aclosing(child.fetch(order)) as news,
        ):
            async for each in news:
                if isinstance(each, Failed):
                    raise error_of(each)
                if isinstance(each, Moved):
                    yield each.done_bytes
