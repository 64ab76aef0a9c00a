"""Run: builds the server out of its parts, serves, and ends it in order.

Start: the lock, the log, the database, the list of model files, the sockets; then connections are
accepted, and what takes longer (headers of models, the devices) follows beside. Stop: no new
requests; those under way have the grace to finish; engines end; connections close; the lock goes.
The real clock and real chance enter the server here.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final

from msgspec.structs import asdict

from app import __version__
from app.core.base.errors import SettingsInvalid
from app.core.models.wishes import Wishes
from app.core.state.events import ServerOpened
from app.core.state.node_state import NodeState, ServerFacts
from app.observe.log_ring import LogRing
from app.observe.logging import set_up
from app.observe.meters import Meters
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.machine import look_at_machine
from app.server.hardware.surroundings.sleep import sleepless_seconds
from app.server.main.backends import Backends
from app.server.main.citizen import citizen_of
from app.server.main.faults import told_alone
from app.server.main.greeting import OnReady, greet
from app.server.main.listening import Listening, is_loopback, listen
from app.server.main.lock_file import LockFile
from app.server.main.membership import membership_of
from app.server.main.neighbourly import neighbour_of, use_settings
from app.server.main.shop import shop_of
from app.server.main.stopping import Stopping
from app.server.main.updating import Attempt, updates_of
from app.server.main.web_server import WebServer, loop_factory
from app.server.models.places import open_library
from app.server.node.downloads.shop import Shop
from app.server.node.engine import EngineLimits
from app.server.node.engines import Engines
from app.server.node.hub import Hub
from app.server.node.in_force import InForce
from app.server.node.librarian import Librarian
from app.server.node.loader import Loader
from app.server.node.neighbour import Neighbour
from app.server.node.recent import Recent
from app.server.node.router import Router
from app.server.node.runtimes.runtimes import Runtimes
from app.server.node.sampler import Sampler
from app.server.node.shelf import Shelf
from app.server.node.updates.service import Successor
from app.server.storage.database import Database
from app.server.storage.keys import Keys
from app.server.storage.rungs import Rungs
from app.server.web.app import create_app
from app.server.web.dashboard.backing import Backing
from app.server.web.services import Services
from app.settings.paths import Paths
from app.settings.schema import Settings
from app.wire.local import ServerLock

log = logging.getLogger(__name__)

_LAST_BYTES_SECONDS: Final = 2.0
"""After the engines are gone every answer has its last event; this is for slow networks."""


def run_server(
    settings: Settings,
    paths: Paths,
    *,
    on_ready: OnReady,
    port_is_fixed: bool = False,
    origins: Mapping[str, str] | None = None,
) -> Successor | None:
    """Serve until a signal or the local API says stop; the version that then takes over, if any.

    `port_is_fixed`: the owner named the port, so no other one is taken instead. `origins`: where
    each setting comes from, for whoever looks at them. Raises: AlreadyServing, SettingsInvalid,
    DatabaseUnusable, OSError.
    """
    paths.ensure()
    lock = LockFile.take(paths.lock_file)
    try:
        set_up(settings.server.log_level, paths.log_file)
        attempt = Attempt(paths)
        attempt.begin()
        with told_alone(), asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(
                _serve(
                    settings,
                    paths,
                    lock,
                    on_ready=attempt.telling(on_ready),
                    port_is_fixed=port_is_fixed,
                    origins=origins or {},
                )
            )
    finally:
        lock.close()


def anchored_clock(steady: Callable[[], float] = sleepless_seconds) -> Callable[[], float]:
    """Seconds since 1970 as they were at the start, going on without ever jumping.

    `steady` goes on while the machine sleeps, or all that is dated would be late ever after.
    """
    offset = time.time() - steady()
    return lambda: offset + steady()


async def _serve(
    settings: Settings,
    paths: Paths,
    lock: LockFile,
    *,
    on_ready: OnReady,
    port_is_fixed: bool,
    origins: Mapping[str, str],
) -> Successor | None:
    server, folders = settings.server, settings.models.folders
    now, stopping, token = anchored_clock(), Stopping(), secrets.token_urlsafe(32)
    hub = Hub(NodeState(server=_facts(settings, now())))
    in_force = InForce(settings, config_file=paths.config_file, origins=origins)
    shelf = Shelf(open_library(settings, paths), hub)
    async with AsyncExitStack() as stack:
        stack.enter_context(stopping.by_signals())
        database = await stack.enter_async_context(await Database.open(paths.database))
        keys = await Keys.open(database, now)
        listening = stack.enter_context(_listening(settings, keys, port_is_fixed=port_is_fixed))
        await shelf.scan()
        meters, recent = Meters(lambda: hub.state), Recent()
        router, neighbour, shop, runtimes = await stack.enter_async_context(
            _node(in_force, paths, database, hub, shelf, meters=meters, recent=recent, now=now)
        )
        member = membership_of(in_force, paths, hub, router, shelf, outbound=shop.outbound, now=now)
        updates = await stack.enter_async_context(
            updates_of(in_force, paths, hub, neighbour, shop.outbound, stop=stopping.ask, now=now)
        )
        services = Services(
            router=router,
            library=shelf,
            librarian=Librarian(shelf, paths=paths, folders=folders, end=router.end),
            hub=hub,
            keys=keys,
            meters=meters,
            neighbour=neighbour,
            shop=shop,
            runtimes=runtimes,
            pool=await stack.enter_async_context(member),
            updates=updates,
            in_force=in_force,
            local_token=token,
            stop=stopping.ask,
            now=now,
            dashboard=await _backing(database, hub, paths, recent=recent, origins=origins, now=now),
        )
        router.heed(services.dashboard.wishes)
        await stack.enter_async_context(_noting(keys, services.dashboard))
        await stack.enter_async_context(citizen_of(in_force, hub, neighbour, services.pool, now))
        web = WebServer(create_app(services))
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(web.serve(listening.sockets), name="web")
            await web.is_open.wait()
            hub.publish(ServerOpened(addresses=listening.base_urls()))
            lock.tell(_lock_text(listening, token, hub))
            on_ready(await greet(listening, hub, shelf, settings))
            await stopping.asked.wait()
            await _stop(web, serving, router, hub, stopping, grace=server.stop_grace_seconds)
    log.info("stopped")
    return updates.successor


@asynccontextmanager
async def _noting(keys: Keys, dashboard: Backing) -> AsyncGenerator[None, None]:
    """Uses of keys and the dashboard's history are written down inside, and all of them after."""
    async with asyncio.TaskGroup() as group:
        beside = (
            group.create_task(keys.write_uses(), name="uses of keys"),
            group.create_task(dashboard.history.keep_noted(), name="history"),
        )
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
    await keys.flush()


@asynccontextmanager
async def _node(
    in_force: InForce,
    paths: Paths,
    database: Database,
    hub: Hub,
    shelf: Shelf,
    *,
    meters: Meters,
    recent: Recent,
    now: Callable[[], float],
) -> AsyncGenerator[tuple[Router, Neighbour, Shop, Runtimes], None]:
    """The node's services, at work inside the block; no engine is left after it."""
    settings, program = in_force.settings, EngineProgram.of_this()
    backends = Backends.of(paths, hub, program, now)
    devices = backends.devices
    loader, engines = _engines_of(
        settings, program, devices, hub=hub, shelf=shelf, database=database, now=now
    )
    router = Router(
        hub=hub,
        engines=engines,
        meters=meters,
        shelf=shelf,
        default=settings.models.default,
        requests_max=settings.server.requests_max,
        now=now,
        recent=recent,
    )
    neighbour = neighbour_of(
        settings, hub=hub, engines=engines, devices=devices, loader=loader, now=now
    )
    fetching = shop_of(
        settings,
        paths,
        database,
        hub,
        shelf,
        engines=engines,
        devices=devices,
        recent=recent,
        now=now,
    )
    in_force.heed(lambda settings: use_settings(settings, neighbour, loader))
    async with engines.running(), fetching as shop, asyncio.TaskGroup() as group:
        in_force.heed(lambda settings: shop.downloads.use(settings.downloads))
        beside = [
            group.create_task(shelf.keep_read(), name="library"),
            group.create_task(loader.look(), name="devices"),
            group.create_task(Sampler(devices, hub).keep_sampled(), name="sampler"),
            group.create_task(neighbour.keep_watch(), name="neighbour"),
        ]
        runtimes = backends.runtimes(in_force, shop.outbound, loader, group)
        try:
            yield router, neighbour, shop, runtimes
        finally:
            runtimes.close()
            for task in beside:
                task.cancel()
    await devices.close()


def _engines_of(
    settings: Settings,
    program: EngineProgram,
    devices: Devices,
    *,
    hub: Hub,
    shelf: Shelf,
    database: Database,
    now: Callable[[], float],
) -> tuple[Loader, Engines]:
    """What loads models, and the engines it loads them into."""
    loader = Loader(
        shelf=shelf,
        devices=devices,
        rungs=Rungs(database, __version__),
        hub=hub,
        now=now,
        allows_cpu=settings.neighbour.allow_cpu_after_gpu_loss,
    )
    engines = Engines(
        hub=hub,
        program=program,
        loader=loader,
        wishes=Wishes(**asdict(settings.engine)),
        limits=EngineLimits(
            loaded_max=settings.models.loaded_max,
            keep_alive=float(settings.models.keep_alive_seconds),
        ),
        now=now,
    )
    return loader, engines


async def _backing(
    database: Database,
    hub: Hub,
    paths: Paths,
    *,
    recent: Recent,
    origins: Mapping[str, str],
    now: Callable[[], float],
) -> Backing:
    """What the dashboard keeps. The log is in memory from here on, besides its file."""
    ring = LogRing()
    ring.begin_with(paths.log_file)
    logging.getLogger().addHandler(ring)
    return await Backing.open(
        database,
        hub,
        recent=recent,
        log=ring,
        config_file=paths.config_file,
        log_file=paths.log_file,
        origins=origins,
        now=now,
        steady=time.monotonic,
    )


async def _stop(
    web: WebServer,
    serving: asyncio.Task[None],
    router: Router,
    hub: Hub,
    stopping: Stopping,
    *,
    grace: float,
) -> None:
    """End in order; at once when urged. Connections are closed when this returns."""
    log.info("stopping", extra={"requests": len(hub.state.requests), "grace": grace})
    # Uvicorn stops to accept; answers under way go on.
    web.should_exit = True
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(router.stop(grace), name="stop")
        # Watches never end by themselves; they have just been told that the server stops.
        await asyncio.sleep(0)
        hub.close()
        urging = group.create_task(stopping.urged.wait(), name="urge")
        await asyncio.wait({ending, urging}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            router.hurry()
            await asyncio.wait({ending})
        urging.cancel()
    await asyncio.wait({serving}, timeout=_LAST_BYTES_SECONDS)
    web.force_exit = True
    await asyncio.wait({serving})


def _facts(settings: Settings, started_at: float) -> ServerFacts:
    machine = look_at_machine()
    return ServerFacts(
        version=__version__,
        pid=os.getpid(),
        started_at=started_at,
        requests_max=settings.server.requests_max,
        cores=machine.cores,
        memory_bytes=machine.memory_bytes,
    )


@contextmanager
def _listening(settings: Settings, keys: Keys, *, port_is_fixed: bool) -> Iterator[Listening]:
    """The sockets, open inside the block. Raises: SettingsInvalid, OSError."""
    server = settings.server
    _refuse_if_open_to_all(server.host, keys)
    listening = listen(server.host, server.port, is_fixed=port_is_fixed)
    try:
        yield listening
    finally:
        listening.close()


def _refuse_if_open_to_all(host: str, keys: Keys) -> None:
    """Raises SettingsInvalid when other machines could use this one without a key."""
    if is_loopback(host) or keys.has_live:
        return
    raise SettingsInvalid(
        f"server.host is {host}, which other machines can reach, and there is no API key",
        remedy="Make a key with `athanor keys add NAME`, and start again.",
    )


def _lock_text(listening: Listening, token: str, hub: Hub) -> ServerLock:
    return ServerLock(
        pid=os.getpid(),
        host=listening.local_host,
        port=listening.port,
        token=token,
        version=__version__,
        started_at=hub.state.server.started_at,
    )
