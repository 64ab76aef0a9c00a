"""A real shop for a node in a test: its catalogue, its hub and its models folder are given."""

import os
from pathlib import Path

from app.core.models.wishes import Wishes
from app.observe.outbound import Outbound
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.models.catalogue import CatalogueEntry
from app.server.models.remote_cards import RemoteCards
from app.server.node.downloads.machine import Machine
from app.server.node.downloads.remote import Remote
from app.server.node.downloads.service import Downloads
from app.server.node.downloads.shop import Shop
from app.server.node.hub import Hub
from app.server.storage.database import Database
from app.server.storage.downloads import DownloadsTable
from app.server.storage.speeds import Speeds
from app.settings.download_schema import DownloadSettings


class Names:
    """Ids that a test can foretell: a, b, c."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        return chr(96 + self._count)


async def shop_for(
    hub: Hub,
    database: Database,
    folder: Path,
    *,
    environment: dict[str, str] | None = None,
    catalogue: tuple[CatalogueEntry, ...] = (),
    settings: DownloadSettings | None = None,
) -> Shop:
    """`environment` is that of the download children; without one they may ask nobody."""
    offline = {"HF_HUB_OFFLINE": "1"}
    program = EngineProgram.of_downloads({**os.environ, **(environment or offline)})
    outbound = Outbound(lambda: 1000.0)

    async def on_done(path: Path) -> str:
        return path.stem.casefold()

    engine = EngineProgram.of_this()
    return Shop(
        catalogue=catalogue,
        remote=Remote(program, outbound, RemoteCards(folder / "remote_cards.json")),
        machine=Machine(
            devices=Devices(engine),
            engine=engine,
            speeds=await Speeds.open(database),
            wishes=Wishes(),
            residents=list,
            now=lambda: 1000.0,
        ),
        downloads=Downloads(
            hub=hub,
            table=DownloadsTable(database),
            program=program,
            outbound=outbound,
            settings=settings or DownloadSettings(disk_free_bytes_min=0),
            folder=folder / "models",
            on_done=on_done,
            now=lambda: 1000.0,
            new_id=Names(),
        ),
        cards=dict,
        outbound=outbound,
    )
