"""The web server over the scripted node, called over a real socket."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from app.core.state.events import Event
from app.observe.log_ring import LogRing
from app.observe.meters import Meters
from app.server.models.library import Library
from app.server.node.hub import Hub
from app.server.node.in_force import InForce
from app.server.node.librarian import Librarian
from app.server.node.recent import Recent
from app.server.node.shelf import Shelf
from app.server.storage.database import Database
from app.server.storage.keys import Keys
from app.server.web.app import create_app
from app.server.web.dashboard.backing import Backing
from app.server.web.services import Services
from app.settings.paths import Paths
from app.settings.schema import ServerSettings, Settings
from tests.server.web.scripted import ScriptedNode
from tests.support.pool_desk import desk_for
from tests.support.runtimes import runtimes_for
from tests.support.shop import shop_for
from tests.support.updates import updates_for

TOKEN = "local-token-of-the-test"
BODY_BYTES_MAX = 200_000
HEARTBEAT_SECONDS = 0.05


@dataclass(frozen=True)
class Web:
    """A running web server."""

    port: int
    node: ScriptedNode
    publish: Callable[[Event], None]
    """Makes something happen in the node's state, on the server's own loop."""
    client: httpx.Client
    config_file: Path
    """The settings, where somebody has written them."""

    def chat(
        self, model: str = "echo", text: str = "hello world", **more: object
    ) -> httpx.Response:
        """A chat request."""
        messages = [{"role": "user", "content": text}]
        body = {"model": model, "messages": messages, **more}
        return self.client.post("/v1/chat/completions", json=body)


class _Server(threading.Thread):
    """uvicorn on a thread of its own; its services are made on its own loop."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="web server", daemon=True)
        self.node = ScriptedNode()
        self.hub = Hub(self.node.state)
        # With the protocol named, asyncio switches Nagle's algorithm off.
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.began = threading.Event()
        self.services: Services | None = None
        self._folder = folder
        self.config_file = folder / "config.toml"
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    def publish(self, event: Event) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.hub.publish, event)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        settings = Settings(
            server=ServerSettings(
                body_bytes_max=BODY_BYTES_MAX, heartbeat_seconds=HEARTBEAT_SECONDS
            )
        )
        in_force = InForce(settings, config_file=self.config_file)
        async with await Database.open(self._folder / "node.db") as database:
            services = Services(
                router=self.node,
                library=self.node,
                librarian=Librarian(
                    Shelf(Library(()), self.hub),
                    paths=Paths.under(self._folder),
                    folders=(),
                    end=self.node.unload,
                ),
                hub=self.hub,
                keys=await Keys.open(database, lambda: 1000.0),
                meters=Meters(lambda: self.hub.state),
                neighbour=self.node,
                shop=await shop_for(self.hub, database, self._folder),
                pool=await desk_for(self.node, self.hub, database, self._folder, in_force),
                updates=updates_for(self.hub, self._folder),
                runtimes=runtimes_for(self.hub, self._folder),
                in_force=in_force,
                local_token=TOKEN,
                stop=self.node.stop,
                machine="furnace",
                dashboard=await Backing.open(
                    database,
                    self.hub,
                    recent=Recent(),
                    log=LogRing(),
                    config_file=self.config_file,
                    log_file=self._folder / "server.log",
                    origins={},
                    now=lambda: 1000.0,
                    steady=lambda: 1000.0,
                ),
            )
            self.services = services
            app = create_app(services)
            config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
            self._server = uvicorn.Server(config)
            self.began.set()
            await self._server.serve(sockets=[self.listener])

    def end(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._server.force_exit = True
        self.join(10)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Server]:
    server = _Server(tmp_path_factory.mktemp("web"))
    server.start()
    assert server.began.wait(20)
    yield server
    server.end()


@pytest.fixture
def web(served: _Server) -> Iterator[Web]:
    """The server, with what was asked of its node before forgotten."""
    node = served.node
    for kept in (node.generates, node.asked_wishes, node.keep_alives, node.unloaded):
        kept.clear()
    node.cancelled.clear()
    node.stopped.clear()
    port = served.listener.getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
        yield Web(port, node, served.publish, client, served.config_file)


@pytest.fixture
def owner() -> dict[str, str]:
    """Headers that may administer."""
    return {"Authorization": f"Bearer {TOKEN}"}
