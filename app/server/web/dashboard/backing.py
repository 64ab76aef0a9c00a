"""Backing: what the dashboard keeps and shows besides the node's own services."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.observe.log_ring import LogRing
from app.server.node.history import History
from app.server.node.hub import Hub
from app.server.node.recent import Recent
from app.server.storage.database import Database
from app.server.storage.marks import Marks
from app.server.storage.model_wishes import ModelWishes
from app.server.storage.sessions import Sessions
from app.server.web.dashboard.links import Links
from app.server.web.dashboard.pending_invite import PendingInvite


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """Handed over once at the start."""

    sessions: Sessions
    links: Links
    invite: PendingInvite
    marks: Marks
    wishes: ModelWishes
    recent: Recent
    history: History
    log: LogRing
    config_file: Path
    log_file: Path
    origins: Mapping[str, str]
    """For each setting's path where its value comes from."""

    @classmethod
    async def open(
        cls,
        database: Database,
        hub: Hub,
        *,
        recent: Recent,
        log: LogRing,
        config_file: Path,
        log_file: Path,
        origins: Mapping[str, str],
        now: Callable[[], float],
        steady: Callable[[], float],
    ) -> Self:
        """With what is stored in `database`."""
        return cls(
            sessions=await Sessions.open(database, now),
            links=Links(steady),
            invite=PendingInvite(steady),
            marks=await Marks.open(database, now),
            wishes=await ModelWishes.open(database),
            recent=recent,
            history=History(hub, now),
            log=log,
            config_file=config_file,
            log_file=log_file,
            origins=origins,
        )

    def __repr__(self) -> str:
        return "<Backing>"
