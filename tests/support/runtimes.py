"""Runtimes for tests of the web: the real ones, over a folder of the test and its own engine."""

import asyncio
from pathlib import Path

from app.core.release.keys import Publisher
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.main.backends import look_at_hardware
from app.server.node.hub import Hub
from app.server.node.runtimes.fetching import Fetching, opener_of
from app.server.node.runtimes.prover import Prover
from app.server.node.runtimes.runtimes import Runtimes
from app.server.node.runtimes.store import Store
from tests.support.release_keys import verify_release


def runtimes_for(hub: Hub, folder: Path, publisher: Publisher | None = None) -> Runtimes:
    """In `folder`, by a publisher without keys where none is given."""
    publisher = publisher or Publisher()
    environment = {"ATHANOR_HOME": str(folder), "NO_PROXY": "127.0.0.1,localhost"}
    store = Store(folder / "data" / "runtimes", opener_of(publisher, verify_release))
    prover = Prover(EngineProgram.of_this(environment), store, hub, lambda: 1000.0)

    async def look_anew() -> None:
        """The test lists devices itself."""

    return Runtimes(
        store=store,
        prover=prover,
        fetching=Fetching(
            publisher=publisher,
            verify=verify_release,
            store=store,
            program=EngineProgram.of_downloads(environment),
            outbound=Outbound(lambda: 1000.0),
            address=lambda: "",
            disk_free_bytes_min=lambda: 0,
            now=lambda: 1000.0,
        ),
        hardware_of=look_at_hardware,
        look_anew=look_anew,
        hub=hub,
        group=asyncio.TaskGroup(),
    )
