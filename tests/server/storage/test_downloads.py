"""Downloads and speeds on real SQLite files: what was written is there after a restart."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from app.core.downloads.download import Download, DownloadId, File
from app.core.models.speed import MeasuredSpeed
from app.server.storage.database import Database
from app.server.storage.downloads import DownloadsTable
from app.server.storage.speeds import Speeds
from tests.server.storage.held import held

FILES = tuple(
    File(path=f"x/{name}.gguf", name=f"{name}.gguf", size=5, sha256=name * 64) for name in "ab"
)
DOWNLOAD = Download(
    id=DownloadId("d1"),
    repository="a/b",
    revision="c0ffee",
    name="a/b:Q4_0",
    files=FILES,
    asked_at=7.0,
)


def with_database(path: Path, act: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await Database.open(path / "node.db") as database:
            await act(database)

    asyncio.run(run())


def test_a_download_is_read_back_with_its_files_in_order(tmp_path: Path) -> None:
    failed = replace(DOWNLOAD, status="failed", cause="access", reason="r", remedy="m")

    async def write(database: Database) -> None:
        table = DownloadsTable(database)
        await table.add(DOWNLOAD)
        await table.save(failed)

    async def read(database: Database) -> None:
        assert await DownloadsTable(database).all() == (failed,)

    with_database(tmp_path, write)
    with_database(tmp_path, read)


def test_a_removed_download_takes_its_files_along(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        table = DownloadsTable(database)
        await table.add(DOWNLOAD)
        await table.remove(DOWNLOAD.id)

        assert await table.all() == ()
        assert await database.read("select count(*) from download_files") == [(0,)]

    with_database(tmp_path, act)


def test_a_database_that_refuses_costs_the_memory_and_not_the_server(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        table, speeds = DownloadsTable(database), await Speeds.open(database)
        await table.add(DOWNLOAD)
        await database._connection.execute("pragma busy_timeout = 10")

        with held(tmp_path / "node.db"):
            await table.add(replace(DOWNLOAD, id=DownloadId("d2")))
            await table.save(replace(DOWNLOAD, status="failed"))
            await table.remove(DOWNLOAD.id)
            await speeds.remember("x", MeasuredSpeed(tokens_per_second=1.0, tokens=2), at=1.0)

        assert await table.all() == (DOWNLOAD,)
        assert speeds.of("x") is not None

    with_database(tmp_path, act)


def test_a_measured_speed_and_a_bandwidth_outlive_the_server(tmp_path: Path) -> None:
    speed = MeasuredSpeed(tokens_per_second=31.5, tokens=400)

    async def write(database: Database) -> None:
        speeds = await Speeds.open(database)
        await speeds.remember("model", replace(speed, tokens=16), 1.0)
        await speeds.remember("model", speed, 2.0)
        await speeds.remember_bandwidth("RAM", 5e9, 1.0)

    async def read(database: Database) -> None:
        speeds = await Speeds.open(database)
        assert speeds.of("model") == speed
        assert speeds.of("other") is None
        assert await speeds.bandwidths() == {"RAM": 5e9}

    with_database(tmp_path, write)
    with_database(tmp_path, read)
