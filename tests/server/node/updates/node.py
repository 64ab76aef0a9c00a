"""A node for tests of updates: the parts that they touch, before a publisher's place."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from app.core.base.ids import ModelName, RequestId
from app.core.release.keys import Publisher
from app.core.release.manifest import Release
from app.core.state.events import RequestArrived
from app.core.state.node_state import NodeState
from app.core.state.update_state import UpdateState
from app.installation.archive import ArchivePlace
from app.installation.memory_file import MemoryFile
from app.installation.place import Place
from app.server.node.hub import Hub
from app.server.node.updates.service import Updates
from app.settings.program import Program
from app.settings.schema import Settings
from app.settings.update_schema import UpdateSettings
from tests.support.bundles import put_bundle
from tests.support.publisher_site import DAY, PublisherSite
from tests.support.release_keys import PublishersKey
from tests.support.updates import updates_for

NOW = int(time.time())
KEY = PublishersKey()


class Node:
    """The parts of a node that updates touch."""

    def __init__(self, folder: Path, site: PublisherSite, *, place: Place | None = None, **more):
        self.folder, self.site = folder, site
        self.hub = Hub(NodeState())
        self.program = folder / "apps" / "athanor" / "athanor"
        if not self.program.exists():
            put_bundle(self.program.parent, "0.1.0")
        self.place = place or ArchivePlace(
            Program(file=self.program, is_bundle=True), running="0.1.0"
        )
        self.memory = MemoryFile(folder / "updates.json")
        settings = UpdateSettings(
            address=more.pop("address", site.address), daily=more.pop("daily", "fetch")
        )
        self.updates: Updates = updates_for(
            self.hub,
            folder,
            publisher=more.pop("publisher", Publisher(key=(KEY.known,))),
            place=self.place,
            settings=Settings(updates=settings),
            now=more.pop("now", float(NOW)),
            **more,
        )

    @property
    def state(self):
        return self.hub.state.update

    def has_fetched(self, release: Release) -> None:
        """As after a fetch and a restart."""
        kept = self.folder / "updates" / release.version
        kept.mkdir(parents=True)
        shutil.copy(self.site.folder / "latest.json", kept.parent)
        shutil.copy(self.site.folder / release.builds[0].name, kept)
        asyncio.run(self.updates.open())

    def answer_something(self) -> None:
        arrived = RequestArrived(request=RequestId("r"), model=ModelName("m"), at=0.0)
        self.hub.publish(arrived)


async def until(node: Node, holds: Callable[[UpdateState], bool]) -> None:
    """The watch runs until this is true of the state."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        watch = group.create_task(node.updates.keep_watch())
        async for happened in node.hub.watch():
            if holds(happened.state.update):
                break
        watch.cancel()


def a_look_is_due(node: Node) -> None:
    """The last one was two days ago, and the node has been up for as long."""
    node.updates._started_at = NOW - 2.0 * DAY
    node.memory.change(lambda memory: replace(memory, looked_at=NOW - 2.0 * DAY))
