"""Updating: the parts that look for new versions, and the trial of the one that runs.

A start is counted before anything can fail, and the trial is over when connections are accepted:
then whoever waits for that hears of it too (installation/handover.py).
"""

import asyncio
import contextlib
import logging
import os
import platform
import random
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import final

from app import __version__
from app.core.release.manifest import system_of
from app.core.release.trial import served, started
from app.installation.kept import Kept
from app.installation.memory_file import MemoryFile
from app.installation.place import place_of
from app.installation.readiness import take_descriptor, tell_ready
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.identity.keys import verify
from app.server.main.greeting import Greeting, OnReady
from app.server.node.hub import Hub
from app.server.node.in_force import InForce
from app.server.node.neighbour import Neighbour
from app.server.node.updates.fetching import Publishing
from app.server.node.updates.service import Updates
from app.server.storage.data_folder import ensure_data
from app.server.storage.taken_back import take_back
from app.settings.paths import Paths
from app.settings.program import Program
from app.settings.publisher import read_publisher
from app.settings.schema import Settings

log = logging.getLogger(__name__)


@final
class Attempt:
    """This start of the server."""

    def __init__(self, paths: Paths) -> None:
        self._data = paths.data
        self._memory = MemoryFile(paths.updates_file)
        self._descriptor = take_descriptor(os.environ)

    def begin(self) -> None:
        """It is counted, and the data is in this version's form when this returns.

        What a version that never served has changed of the data is taken back before. A memory
        that cannot be written ends no start. Raises: DataUnusable, OSError.
        """
        if self._memory.read().fallen and (names := take_back(self._data)):
            log.warning(
                "data of a version that never served was taken back", extra={"files": names}
            )
        try:
            ensure_data(self._data, __version__)
        finally:
            with contextlib.suppress(OSError):
                self._memory.change(lambda memory: started(memory, __version__))

    def telling(self, on_ready: OnReady) -> OnReady:
        """`on_ready`, after which the version has shown that it works."""

        def ready(greeting: Greeting) -> None:
            on_ready(greeting)
            with contextlib.suppress(OSError):
                self._memory.change(lambda memory: served(memory, __version__))
            tell_ready(self._descriptor)

        return ready


@asynccontextmanager
async def updates_of(
    in_force: InForce,
    paths: Paths,
    hub: Hub,
    neighbour: Neighbour,
    outbound: Outbound,
    *,
    stop: Callable[[], None],
    now: Callable[[], float],
) -> AsyncGenerator[Updates, None]:
    """New versions are looked for inside the block, as the settings want it."""
    publisher, kept = read_publisher(), Kept(paths.updates)
    updates = Updates(
        hub=hub,
        publisher=publisher,
        publishing=Publishing(
            keys=publisher.key,
            verify=verify,
            program=EngineProgram.of_downloads(),
            outbound=outbound,
            kept=kept,
            now=now,
        ),
        place=place_of(Program.of_this()),
        memory=MemoryFile(paths.updates_file),
        kept=kept,
        system=system_of(sys.platform, platform.machine()),
        settings=lambda: in_force.settings,
        facts=lambda: neighbour.facts,
        stop=stop,
        now=now,
        chance=random.Random(),  # noqa: S311  # jitter
    )

    async def use(_: Settings) -> None:
        updates.wake()

    in_force.heed(use)
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(updates.keep_watch(), name="updates")
        try:
            yield updates
        finally:
            watch.cancel()
