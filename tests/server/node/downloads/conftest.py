"""A hub on this machine and a shop over it, on one event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.core.downloads.download import Download
from app.core.state.node_state import NodeState
from app.server.models.catalogue import CatalogueEntry
from app.server.node.downloads.service import Downloads
from app.server.node.downloads.shop import Shop
from app.server.node.hub import Hub as NodeHub
from app.server.storage.database import Database
from app.settings.download_schema import DownloadSettings
from tests.support.hub import Hub, running_hub
from tests.support.shop import shop_for

WAIT_SECONDS_MAX = 90


@dataclass
class Place:
    """A shop at work, its node's state and its folder."""

    shop: Shop
    node: NodeHub
    folder: Path

    @property
    def downloads(self) -> Downloads:
        return self.shop.downloads

    @property
    def models(self) -> Path:
        return self.folder / "models"

    async def until(self, is_so: Callable[[Download], bool], name: str = "a") -> Download:
        """The first state of the download for which it is so."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            async for happened in self.node.watch():
                found = happened.state.downloads.get(name)
                if found is not None and is_so(found):
                    return found
        raise AssertionError("the watch ended")


@asynccontextmanager
async def place_at(
    folder: Path,
    environment: dict[str, str],
    settings: DownloadSettings | None = None,
    catalogue: tuple[CatalogueEntry, ...] = (),
) -> AsyncIterator[Place]:
    node = NodeHub(NodeState())
    async with await Database.open(folder / "node.db") as database:
        shop = await shop_for(
            node,
            database,
            folder,
            environment=environment,
            settings=settings,
            catalogue=catalogue,
        )
        async with shop.downloads.running():
            yield Place(shop, node, folder)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


@pytest.fixture
def in_shop(hub: Hub, tmp_path: Path) -> Callable[..., None]:
    """Runs a test's coroutine in a shop over the hub."""

    def run(
        act: Callable[[Place], Awaitable[None]],
        settings: DownloadSettings | None = None,
        *,
        catalogue: tuple[CatalogueEntry, ...] = (),
    ) -> None:
        async def main() -> None:
            async with place_at(tmp_path, hub.environment, settings, catalogue) as place:
                await act(place)

        asyncio.run(main())

    return run
