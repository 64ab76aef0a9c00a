"""Shop: the parts that fetch models, put together and at work."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import asdict

from app.core.base.errors import AthanorError
from app.core.models.wishes import Wishes
from app.observe.outbound import Outbound
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.models.catalogue import CatalogueEntry, CatalogueInvalid, read_catalogue
from app.server.models.remote_cards import RemoteCards
from app.server.node.downloads.machine import Machine
from app.server.node.downloads.remote import Remote
from app.server.node.downloads.service import Downloads
from app.server.node.downloads.shop import Shop
from app.server.node.engines import Engines
from app.server.node.hub import Hub
from app.server.node.recent import Done, Recent
from app.server.node.shelf import Shelf
from app.server.storage.database import Database
from app.server.storage.downloads import DownloadsTable
from app.server.storage.speeds import Speeds
from app.settings.assets import assets_folder
from app.settings.paths import Paths
from app.settings.schema import Settings

log = logging.getLogger(__name__)

ANSWERS_WAITING_MAX = 100
"""Answers whose speed was not written down yet; more than that are forgotten."""


@asynccontextmanager
async def shop_of(
    settings: Settings,
    paths: Paths,
    database: Database,
    hub: Hub,
    shelf: Shelf,
    *,
    engines: Engines,
    devices: Devices,
    recent: Recent,
    now: Callable[[], float],
) -> AsyncGenerator[Shop, None]:
    """Downloads go on inside the block; after it no child of theirs is left."""
    program, outbound = EngineProgram.of_downloads(), Outbound(now)
    machine = Machine(
        devices=devices,
        engine=EngineProgram.of_this(),
        speeds=await Speeds.open(database),
        wishes=Wishes(**asdict(settings.engine)),
        residents=engines.residents,
        now=now,
    )
    downloads = Downloads(
        hub=hub,
        table=DownloadsTable(database),
        program=program,
        outbound=outbound,
        settings=settings.downloads,
        folder=paths.models,
        on_done=lambda path: _listed(shelf, path),
        now=now,
        new_id=lambda: secrets.token_hex(4),
    )
    shop = Shop(
        catalogue=await asyncio.to_thread(_catalogue),
        remote=Remote(program, outbound, RemoteCards(paths.remote_cards_file)),
        machine=machine,
        downloads=downloads,
        cards=shelf.cards,
        outbound=outbound,
    )
    async with downloads.running(), asyncio.TaskGroup() as group:
        learning = group.create_task(_learn(recent, shelf, machine), name="speeds")
        try:
            yield shop
        finally:
            learning.cancel()


def _catalogue() -> tuple[CatalogueEntry, ...]:
    """The models that come with the program; none is no reason not to serve."""
    try:
        return read_catalogue(assets_folder())
    except CatalogueInvalid as error:
        log.warning("no catalogue", extra={"reason": error.message})
        return ()


async def _listed(shelf: Shelf, path: Path) -> str:
    """The name of a model that has just arrived; "" where the library refuses it."""
    await shelf.scan()
    try:
        return shelf.find(str(path))
    except AthanorError:
        return ""


async def _learn(recent: Recent, shelf: Shelf, machine: Machine) -> None:
    """Takes the speed of every answer to heart; runs until cancelled."""
    answers: asyncio.Queue[Done] = asyncio.Queue(ANSWERS_WAITING_MAX)

    def hear(done: Done) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            answers.put_nowait(done)

    recent.heard = hear
    while True:
        done = await answers.get()
        card = shelf.cards().get(done.model)
        if card is not None:
            await machine.learn(card, done)
