"""Downloads: what was asked for, carried out by download children, several at once.

Each change is an event of the node, so every face follows. Orders are kept in the database and the
bytes in `<models>/.downloads/<id>`, so nothing is lost however the server ends. The rules are
core/downloads'. Tasks born here: `download X`, `room on the disk`.
"""

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, final

from msgspec.structs import replace

from app.core.base.errors import AthanorError, RequestError
from app.core.downloads import download as life
from app.core.downloads.download import ACTIVE, Download, DownloadId, File
from app.core.downloads.pace import shares
from app.core.downloads.queue import has_room, in_the_way, next_ones, same_as
from app.core.state.events import DownloadChanged, DownloadRemoved
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.node.downloads.courier import Courier, News, courier
from app.server.node.hub import Hub
from app.server.storage.downloads import DownloadsTable
from app.settings.download_schema import DownloadSettings
from app.wire.download import Failed, Fetch, Fetched, FetchFile, Moved, Verifying

log = logging.getLogger(__name__)

WORKSHOP: Final = ".downloads"
"""Below the models folder: hidden, so that the library never looks into it."""

TELL_SECONDS: Final = 0.5
ROOM_SECONDS: Final = 15.0
DONE_KEPT_SECONDS: Final = 14 * 86400.0


@final
class Downloads:
    """All downloads of this node, at work while `running`. Used by one event loop."""

    def __init__(
        self,
        *,
        hub: Hub,
        table: DownloadsTable,
        program: EngineProgram,
        outbound: Outbound,
        settings: DownloadSettings,
        folder: Path,
        on_done: Callable[[Path], Awaitable[str]],
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """`folder` is that of our own models; `on_done` makes the library look again and
        gives the name under which the file is in it."""
        self._hub = hub
        self._table = table
        self._program = program
        self._outbound = outbound
        self._settings = settings
        self._folder = folder
        self._on_done = on_done
        self._now = now
        self._new_id = new_id
        self._group = asyncio.TaskGroup()
        self._tasks: dict[DownloadId, asyncio.Task[None]] = {}
        self._couriers: dict[DownloadId, Courier] = {}
        self._told_at: dict[DownloadId, float] = {}
        self._is_stopping = False
        self._ordering = asyncio.Lock()

    # --- what others ask ---

    def all(self) -> tuple[Download, ...]:
        """Every download, oldest first."""
        return tuple(self._hub.state.downloads.values())

    def find(self, name: str) -> Download | None:
        """The download of this id."""
        return self._hub.state.downloads.get(DownloadId(name))

    async def add(
        self, *, repository: str, revision: str, name: str, files: Sequence[File]
    ) -> Download:
        """A new download, or the one that brings the same already, going on.

        Raises: RequestError when another one is writing the same file.
        """
        # Orders look at the list and then wait: of two at one time the second sees the first's.
        async with self._ordering:
            known = same_as(self.all(), repository, files)
            if known is not None and known.status != "done":
                return await self.resume(known)
            if known is not None:
                if await asyncio.to_thread(self._is_in_place, known):
                    return known
                await self.remove(known)
            if in_the_way(self.all(), repository, files):
                raise RequestError(
                    f"another download of {repository} writes a file of the same name",
                    field="model",
                    remedy="Let it end, or cancel it.",
                )
            new = Download(
                id=DownloadId(self._new_id()),
                repository=repository,
                revision=revision,
                name=name,
                files=tuple(files),
                asked_at=self._now(),
            )
            await self._table.add(new)
            self._hub.publish(DownloadChanged(download=new))
            log.info("download asked for", extra={"download": new.id, "bytes": new.size})
            await self._begin_next()
            return self._hub.state.downloads[new.id]

    async def pause(self, download: Download) -> Download:
        """It stops and keeps what it has; what is over stays as it is."""
        await self._change(life.pause(self._current(download), "asked"))
        await self._end_task(download.id)
        await self._begin_next()
        return self._current(download)

    async def resume(self, download: Download) -> Download:
        """It goes on when its turn comes; what is not paused stays as it is."""
        await self._change(life.resume(self._current(download)))
        await self._begin_next()
        return self._current(download)

    async def remove(self, download: Download) -> None:
        """Taken off the list; what is not done is cancelled, and its bytes are deleted."""
        await self._end_task(download.id)
        await self._table.remove(download.id)
        self._hub.publish(DownloadRemoved(download=download.id))
        await self._clear(download.id)
        await self._begin_next()

    async def use(self, settings: DownloadSettings) -> None:
        """Go by these settings from now on; a download under way keeps the room it was told of."""
        had_cap = self._settings.bytes_per_second > 0
        self._settings = settings
        if had_cap and not settings.bytes_per_second:
            for child in self._couriers.values():
                child.set_rate(0)
        await self._begin_next()

    # --- life ---

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Downloads go on inside this block; after it no child is left."""
        await self._open()
        async with self._group:
            watch = self._group.create_task(self._watch_room(), name="room on the disk")
            try:
                await self._begin_next()
                yield
            finally:
                self._is_stopping = True
                watch.cancel()
                for task in self._tasks.values():
                    task.cancel()

    async def _open(self) -> None:
        """The list as it was left: what was under way goes on, or is paused, by the setting."""
        known = []
        for written in await self._table.all():
            if self._is_old(written):
                await self._table.remove(written.id)
                continue
            one = self._after_restart(written)
            known.append(one)
            await self._table.save(one)
            done = await asyncio.to_thread(self._bytes_there, one)
            self._hub.publish(DownloadChanged(download=replace(one, done_bytes=done)))
        await asyncio.to_thread(self._sweep, {one.id for one in known})

    async def _begin_next(self) -> None:
        if self._is_stopping:
            return
        while ready := next_ones(self.all(), self._settings.at_once):
            first = ready[0]
            # Both before anything waits: whoever comes meanwhile finds it begun, and can end it.
            self._tasks[first.id] = self._group.create_task(
                self._run(first), name=f"download {first.id}"
            )
            await self._change(life.start(first))
        self._share_cap()

    async def _run(self, download: Download) -> None:
        """One child from begin to end; its last word is in the state when this returns."""
        try:
            async with courier(self._program, self._outbound) as child:
                self._couriers[download.id] = child
                async for news in child.fetch(self._order(download)):
                    await self._hear(download.id, news)
        except AthanorError as error:
            fallen = life.fail(self._current(download), "broken", error.message, error.remedy)
            await self._change(fallen)
        finally:
            self._couriers.pop(download.id, None)
            self._tasks.pop(download.id, None)
        ended = self._current(download)
        log.info("download ended", extra={"download": ended.id, "status": ended.status})
        await self._begin_next()

    async def _hear(self, name: DownloadId, news: News) -> None:
        known = self._hub.state.downloads.get(name)
        if known is None:
            return
        match news:
            case Moved(done_bytes=done):
                await self._change(life.moved(known, done, self._now()))
            case Verifying(checked_bytes=checked):
                await self._change(life.verified(known, checked))
            case Fetched():
                # The library first: what is shown as done can be used, and all else is gone.
                await self._clear(name)
                model = await self._on_done(self._place(known) / known.files[0].name)
                whole = life.finish(self._current(known), self._now())
                await self._change(replace(whole, model=model) if whole.status == "done" else whole)
            case Failed():
                failed = life.fail(
                    known,
                    news.kind,
                    news.message,
                    news.remedy,
                    missing_bytes=news.missing_bytes,
                )
                await self._change(failed)

    async def _clear(self, name: DownloadId) -> None:
        await asyncio.to_thread(shutil.rmtree, self._workshop(name), ignore_errors=True)

    async def _end_task(self, name: DownloadId) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _change(self, download: Download) -> None:
        """Tells what is new of it: each change of status at once, progress now and then."""
        known = self._hub.state.downloads.get(download.id)
        if known is None or known == download:
            return
        is_step = known.status != download.status
        if not is_step and time.monotonic() - self._told_at.get(download.id, 0.0) < TELL_SECONDS:
            return
        self._told_at[download.id] = time.monotonic()
        self._hub.publish(DownloadChanged(download=download))
        if is_step:
            await self._table.save(download)

    async def _watch_room(self) -> None:
        """Lets go on what waited for room; runs until cancelled."""
        while True:
            # The rhythm of a look: no event tells that somebody deleted a file.
            await asyncio.sleep(ROOM_SECONDS)
            waiting = [one for one in self.all() if one.cause == "disk_full"]
            for one in waiting:
                with contextlib.suppress(OSError):
                    free = await asyncio.to_thread(shutil.disk_usage, self._folder)
                    if has_room(one, free.free, self._settings.disk_free_bytes_min):
                        await self.resume(one)

    # --- parts ---

    def _is_old(self, download: Download) -> bool:
        ended_at = download.ended_at or 0.0
        return download.status == "done" and self._now() - ended_at > DONE_KEPT_SECONDS

    def _after_restart(self, download: Download) -> Download:
        if download.status not in ACTIVE and download.status != "queued":
            return download
        queued = replace(download, status="queued")
        return queued if self._settings.resume_on_start else life.pause(queued, "restart")

    def _current(self, download: Download) -> Download:
        return self._hub.state.downloads.get(download.id, download)

    def _running(self) -> int:
        return sum(one.status in ACTIVE for one in self.all())

    def _share_cap(self) -> None:
        if self._settings.bytes_per_second:
            for child in self._couriers.values():
                child.set_rate(self._cap())

    def _cap(self) -> int:
        """Of each download under way."""
        return shares(self._settings.bytes_per_second, self._running())

    def _order(self, download: Download) -> Fetch:
        return Fetch(
            repository=download.repository,
            revision=download.revision,
            files=tuple(
                FetchFile(path=file.path, name=file.name, size=file.size, sha256=file.sha256)
                for file in download.files
            ),
            folder=str(self._place(download)),
            workshop=str(self._workshop(download.id)),
            bytes_per_second=self._cap(),
            disk_free_bytes_min=self._settings.disk_free_bytes_min,
        )

    def _place(self, download: Download) -> Path:
        return self._folder.joinpath(*download.repository.split("/"))

    def _workshop(self, name: DownloadId) -> Path:
        return self._folder / WORKSHOP / name

    def _is_in_place(self, download: Download) -> bool:
        return all(_size(self._place(download) / file.name) == file.size for file in download.files)

    def _bytes_there(self, download: Download) -> int:
        """Of its files, in their place, whole or growing."""
        workshop, place = self._workshop(download.id), self._place(download)
        found = 0
        for file in download.files:
            sizes = (
                _size(workshop / f"{file.sha256}.whole"),
                _size(workshop / f"{file.sha256}.incomplete"),
                _size(place / file.name),
            )
            found += next((size for size in sizes if 0 < size <= file.size), 0)
        return found

    def _sweep(self, known: set[DownloadId]) -> None:
        """Deletes what no download belongs to any more."""
        with contextlib.suppress(OSError):
            for folder in (self._folder / WORKSHOP).iterdir():
                if folder.name not in known:
                    shutil.rmtree(folder, ignore_errors=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
