"""Updates for tests of the web: the real ones, of a copy that its owner runs by Python."""

import os
import random
from pathlib import Path

from app.core.release.keys import Publisher
from app.core.sharing.facts import Facts
from app.installation.kept import Kept
from app.installation.memory_file import MemoryFile
from app.installation.place import Place, SourcePlace
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.identity.keys import verify
from app.server.node.hub import Hub
from app.server.node.updates.fetching import Publishing
from app.server.node.updates.service import Updates
from app.settings.schema import Settings


def updates_for(
    hub: Hub,
    folder: Path,
    *,
    publisher: Publisher | None = None,
    place: Place | None = None,
    settings: Settings | None = None,
    facts: Facts | None = None,
    now: float = 1000.0,
    running: str = "0.1.0",
) -> Updates:
    """Of a node with this hub; `folder` is for its files."""
    publisher, kept = publisher or Publisher(), Kept(folder / "updates")
    return Updates(
        hub=hub,
        publisher=publisher,
        publishing=Publishing(
            keys=publisher.key,
            verify=verify,
            # The suite is offline; this place is on this machine.
            program=EngineProgram.of_downloads({**os.environ, "HF_HUB_OFFLINE": "0"}),
            outbound=Outbound(lambda: now),
            kept=kept,
            now=lambda: now,
        ),
        place=place or SourcePlace(),
        memory=MemoryFile(folder / "updates.json"),
        kept=kept,
        system="linux-x86_64",
        settings=lambda: settings or Settings(),
        facts=lambda: facts or Facts(),
        stop=lambda: None,
        now=lambda: now,
        chance=random.Random(1),
        running=running,
    )
