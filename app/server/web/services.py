"""Services: all that the web needs of the rest of the server, handed over once at the start.

The protocols say what is used here and no more; the node's classes fit them, and so does the
scripted node of the tests.
"""

import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from litestar import Request
from litestar.datastructures import State
from litestar.types import Scope

from app.core.base.ids import ModelName
from app.core.models.card import ModelCard
from app.core.models.wishes import Wishes
from app.core.sharing.facts import Facts
from app.core.state.node_state import ModelState, NodeState
from app.server.engine_child.leasing import Lessor, Link
from app.server.models.entry import Entry
from app.server.models.hasher import Progress
from app.server.models.library import Seen
from app.server.node.downloads.shop import Shop
from app.server.node.freeing import Freed
from app.server.node.hub import Happened
from app.server.node.in_force import Read
from app.server.node.librarian import Removed
from app.server.node.pool.desk import PoolDesk
from app.server.storage.keys import Key, NewKey
from app.server.web.answering import Answering
from app.server.web.dashboard.backing import Backing
from app.server.web.gate import caller_of, headers_of
from app.settings.schema import Settings
from app.wire.openai.request import ModelRequest
from app.wire.runtime import RuntimePicture

__all__ = ["Hub", "Keys", "Librarian", "Library", "Link", "Router", "Services", "services_of"]


class Router(Lessor, Protocol):
    """From a model's name to an engine that answers (server/node/router.Router says more)."""

    @property
    def wishes(self) -> Wishes:
        """How models are loaded unless somebody asks otherwise."""

    def models(self) -> list[ModelState]:
        """Every model, at once."""

    async def seek(self, name: str) -> None:
        """Look at the folders for a model that nobody knows."""

    async def load(
        self, name: str, wishes: Wishes | None = None, *, keep_alive: float | None = None
    ) -> ModelName:
        """The model's name once it serves; by these wishes, again if it was loaded by others.

        Raises: as `lease`; RequestError for a wish that cannot be.
        """

    async def unload(self, name: str) -> bool:
        """End the model's engine; True when there was one. Raises: ModelNotFound."""


class Library(Protocol):
    """The model files on disk."""

    def cards(self) -> Mapping[ModelName, ModelCard]:
        """The facts of each model's file."""

    def aliases(self, name: ModelName) -> tuple[str, ...]:
        """Other names that find the model."""


class Librarian(Protocol):
    """What the owner does with the models on disk (server/node/librarian.py says more)."""

    @property
    def revision(self) -> int:
        """Rises whenever the list would be shown differently."""

    @property
    def progress(self) -> Progress | None:
        """What is being hashed."""

    def entries(self) -> tuple[Entry, ...]:
        """Every model that is offered, and every file that cannot be loaded."""

    def places(self) -> tuple[Seen, ...]:
        """Every folder that was looked at."""

    def troubles(self) -> tuple[str, ...]:
        """What went wrong in the owner's own folders, in sentences."""

    def removable(self) -> frozenset[str]:
        """Paths of the places that can be taken out of the settings. Raises: SettingsInvalid."""

    async def find(self, name: str) -> Entry:
        """The model or broken file of that name. Raises: ModelNotFound."""

    async def look(self) -> None:
        """Looks at every folder now, and reads the headers that are new."""

    async def check(self, name: str) -> Entry:
        """Has the content of a model read soon. Raises: ModelNotFound."""

    async def remove(self, name: str) -> Removed:
        """Deletes a model's files. Raises: ModelNotFound; NotOurs; ModelFileInvalid."""

    async def add_folder(self, path: str) -> None:
        """Offers the models of a folder. Raises: RequestError; SettingsInvalid."""

    async def remove_folder(self, path: str) -> None:
        """Offers them no more. Raises: RequestError; SettingsInvalid."""


class Hub(Protocol):
    """The node's state, and every change of it."""

    @property
    def state(self) -> NodeState:
        """The picture now."""

    @property
    def number(self) -> int:
        """Of the last event."""

    def watch(self) -> AsyncGenerator[Happened, None]:
        """The picture, then each event."""


class Keys(Protocol):
    """API keys."""

    async def create(self, name: str, scope: Literal["inference", "admin"]) -> NewKey:
        """A new key. Raises: RequestError."""

    async def revoke(self, key_id: str) -> Key | None:
        """The key, refused from now on; None when there is none."""

    def all(self) -> Sequence[Key]:
        """Every key, oldest first."""

    def verify(self, secret: str) -> Key | None:
        """The live key with this secret."""


class Neighbour(Protocol):
    """The machine's other programs first (server/node/neighbour.py says more)."""

    @property
    def facts(self) -> Facts:
        """As they were at the last look."""

    async def free(self, *, everything: bool, hold_seconds: float | None = None) -> Freed:
        """Engines with GPU memory, or all, are gone."""

    def snooze(self, seconds: float, *, is_finishing: bool = False) -> None:
        """No lending for so long; 0 ends a snooze."""

    def resume(self) -> None:
        """Orders to free and to snooze are over."""


class Updates(Protocol):
    """New versions of the program (server/node/updates/service.py says more)."""

    async def look(self) -> None:
        """Asks now. Raises: UpdateFailed and its kin."""

    async def fetch(self) -> None:
        """The new version is here. Raises: as `look`."""

    async def install(self, *, is_urgent: bool) -> None:
        """The server ends for the new version. Raises: Busy; as `look`."""

    async def go_back(self, *, is_urgent: bool) -> None:
        """The server ends for the version before. Raises: as `install`."""


class InForce(Protocol):
    """The settings (server/node/in_force.py says more)."""

    @property
    def settings(self) -> Settings:
        """Those that hold now."""

    async def read_file(self) -> Read:
        """Follow the file as far as that can be done now. Raises: SettingsInvalid."""


class Runtimes(Protocol):
    """What models are computed by (server/node/runtimes/runtimes.py says more)."""

    async def picture(self, after: int = -1, *, seconds_max: float = 0.0) -> RuntimePicture:
        """How things are, with `after` as soon as they are others. Raises: EngineFailed."""

    async def look(self) -> None:
        """Asks for the list of packs. Raises: RemoteNotFound and its kin."""

    async def install(self, name: str) -> None:
        """Begins to bring a pack. Raises: RemoteNotFound and its kin; Busy."""

    async def use(self, name: str) -> None:
        """Begins to make it the one in use. Raises: RemoteNotFound, Busy."""

    async def test(self, name: str) -> None:
        """Begins to try GPUs under it anew. Raises: RemoteNotFound, Busy."""

    async def remove(self, name: str) -> None:
        """Begins to delete it. Raises: RemoteNotFound, Busy."""


class Meters(Protocol):
    """The node's figures."""

    def exposition(self) -> bytes:
        """All of them, for Prometheus."""


def _new_id() -> str:
    return secrets.token_hex(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the handlers work with. Real time and chance come in here."""

    router: Router
    library: Library
    librarian: Librarian
    hub: Hub
    keys: Keys
    shop: Shop
    pool: PoolDesk
    runtimes: Runtimes
    updates: Updates
    meters: Meters
    neighbour: Neighbour
    in_force: InForce
    local_token: str
    """Opens the local API; never logged."""
    stop: Callable[[], None]
    """Begins the graceful stop and returns at once."""
    dashboard: Backing
    """What the pages keep and show besides."""
    machine: str = field(default_factory=socket.gethostname)
    now: Callable[[], float] = time.time
    """Seconds since 1970."""
    steady: Callable[[], float] = time.monotonic
    """Seconds of a clock that only goes forward."""
    new_id: Callable[[], str] = _new_id
    """A text that never comes twice."""

    @property
    def settings(self) -> Settings:
        """Those that hold now."""
        return self.in_force.settings

    def answering(self, scope: Scope, data: ModelRequest) -> Answering:
        """What answers a request of OpenAI's API: an engine at home, or the pool for credits."""
        named = headers_of(scope).get("idempotency-key", "")
        # Two callers may choose the same key and mean different requests: whose key it is the gate
        # has found, in whichever header the caller's own stands.
        key = f"{caller_of(scope).domain}\n{named}" if named else ""
        return Answering(
            router=self.pool.lessor(data.provider or {}, key),
            heartbeat_seconds=self.settings.server.heartbeat_seconds,
            now=self.now,
            steady=self.steady,
            new_id=self.new_id,
            seek=self.router.seek,
        )

    def __repr__(self) -> str:
        return "<Services>"


def services_of(request: Request[None, None, State]) -> Services:
    """The services of the application that takes this request."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
