"""Downloads on the disk: what was asked for, so that a restart forgets none.

Progress is not written: how much of a file is there, the file itself tells. A disk that fails (it
may be full, with a download) costs the memory of a change, and never the server.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Final, final

from msgspec import convert

from app.core.downloads.download import Download, DownloadId
from app.server.storage.database import Database
from app.server.storage.statements import statements_for
from app.server.storage.unwritable import Unwritable

_SQL: Final = statements_for("downloads")

_COLUMNS: Final = (
    *("id", "repository", "revision", "name", "status", "cause", "reason", "remedy"),
    *("asked_at", "ended_at"),
)

log = logging.getLogger(__name__)


@final
class DownloadsTable:
    """The rows in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> tuple[Download, ...]:
        """Every download as it was last written, oldest first."""
        rows = await self._database.read(_SQL["all"])
        files = await self._database.read(_SQL["all_files"])
        by_download: dict[object, list[Mapping[str, object]]] = {}
        for download, path, name, size, sha256 in files:
            file = {"path": path, "name": name, "size": size, "sha256": sha256}
            by_download.setdefault(download, []).append(file)
        return tuple(
            convert(
                {**dict(zip(_COLUMNS, row, strict=True)), "files": by_download.get(row[0], [])},
                Download,
            )
            for row in rows
            # A power cut between the two statements of `add`: nothing was begun yet.
            if row[0] in by_download
        )

    async def add(self, download: Download) -> None:
        """A new one, with its files."""
        with _forgiven():
            await self._add(download)

    async def _add(self, download: Download) -> None:
        await self._database.write(
            _SQL["add"],
            *(download.id, download.repository, download.revision, download.name),
            *(download.status, download.cause, download.reason, download.remedy),
            *(download.asked_at, download.ended_at),
        )
        await self._database.write_many(
            _SQL["add_file"],
            [
                (download.id, position, file.path, file.name, file.size, file.sha256)
                for position, file in enumerate(download.files)
            ],
        )

    async def save(self, download: Download) -> None:
        """Where it stands now."""
        with _forgiven():
            await self._save(download)

    async def _save(self, download: Download) -> None:
        await self._database.write(
            _SQL["save"],
            *(download.status, download.cause, download.reason, download.remedy),
            *(download.ended_at, download.id),
        )

    async def remove(self, download: DownloadId) -> None:
        """Forget it."""
        with _forgiven():
            await self._database.write(_SQL["remove"], download)


@contextlib.contextmanager
def _forgiven() -> Iterator[None]:
    try:
        yield
    except Unwritable:
        log.warning("a download could not be written down", exc_info=True)
