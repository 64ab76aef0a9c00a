"""Pool host: builds a pool's host out of its parts, serves, and ends it in order.

Start: the lock, the log, the key, the database and its books, the operator's list of models, the
socket; holds of an earlier run whose time is over go back before anybody is let in. Stop: no new
requests; those under way have the grace to finish, then they are stopped and paid for; members are
told when to come back; books are closed; the lock goes.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, final

import msgspec

from app import __version__
from app.core.base.units import SECOND, Microseconds
from app.observe.logging import TOLD, set_up
from app.server.host.counting import Counter
from app.server.identity.keys import PoolKey
from app.server.main.faults import told_alone
from app.server.main.listening import Listening, listen
from app.server.main.lock_file import LockFile
from app.server.main.pool_desk import pool_desk
from app.server.main.pool_parts import (
    Door,
    Faces,
    OfferBook,
    Stored,
    Wires,
    Works,
    connect,
)
from app.server.main.run import anchored_clock
from app.server.main.stopping import Stopping
from app.server.main.web_server import WebServer, loop_factory
from app.server.storage.books import Bookkeeper
from app.server.storage.data_folder import ensure_data
from app.server.storage.database import Database
from app.server.web.doorway import Doorway, guarded
from app.server.web.pool.app import create_pool_app
from app.server.web.pool.desk import Desk
from app.server.web.pool.services import HostServices
from app.settings.paths import Paths
from app.settings.pool_host_schema import PoolHostSettings
from app.wire.local import ServerLock
from app.wire.pool import GoingAway

log = logging.getLogger(__name__)

BACK_SECONDS: Final = 20.0
"""When members of a host that stops may come back: a restart takes less."""
_LAST_BYTES_SECONDS: Final = 2.0


@final
class HostGreeting(msgspec.Struct, frozen=True, kw_only=True):
    """Where the host answers, and with what."""

    addresses: tuple[str, ...]
    """Base URLs of the API, the plainest first."""
    url: str
    """Where members and callers reach it, as it stands in invites."""
    pool: str
    """The pool's id: its public key."""
    name: str
    models: int
    """How many are offered."""
    troubles: tuple[str, ...]
    """What the operator should know."""
    accounts: int
    keys: int


OnHostReady = Callable[[HostGreeting], None]


def run_pool_host(
    settings: PoolHostSettings, paths: Paths, *, on_ready: OnHostReady, port_is_fixed: bool
) -> int:
    """Host a pool until a signal or the local API says stop; the exit status.

    Raises: AlreadyServing, SettingsInvalid, DatabaseUnusable, KeyFileInvalid, OSError.
    """
    paths.ensure()
    paths.pool.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = LockFile.take(paths.pool_lock_file, what="a host of a pool", stop="athanor pool stop")
    try:
        set_up(settings.pool_log_level, paths.pool_log_file)
        ensure_data(paths.data, __version__)
        with told_alone(), asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(
                _serve(settings, paths, lock, on_ready=on_ready, port_is_fixed=port_is_fixed)
            )
    finally:
        lock.close()
    return 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Clocks:
    """Real time, as the parts want it."""

    seconds: Callable[[], float]

    def micro(self) -> Microseconds:
        """Microseconds since 1970 in UTC."""
        return Microseconds(int(self.seconds() * SECOND))


async def _serve(
    settings: PoolHostSettings,
    paths: Paths,
    lock: LockFile,
    *,
    on_ready: OnHostReady,
    port_is_fixed: bool,
) -> None:
    clocks, stopping = _Clocks(seconds=anchored_clock()), Stopping()
    token = secrets.token_urlsafe(32)
    async with AsyncExitStack() as stack:
        stack.enter_context(stopping.by_signals())
        key = PoolKey.ensure(paths.pool / "pool.key")
        database = await stack.enter_async_context(
            await Database.open(paths.pool_database, "host", is_durable=True)
        )
        books = await stack.enter_async_context(await Bookkeeper.open(paths.pool_database))
        stored = await Stored.open(database, books, clocks.micro, clocks.seconds)
        listening = listen(
            settings.pool_address,
            settings.pool_port,
            is_fixed=port_is_fixed,
            names=("pool_host.pool_address", "pool_host.pool_port"),
        )
        stack.callback(listening.close)
        # The operator's own terminal speaks plain HTTP on this machine, whatever the others speak.
        local = listen("127.0.0.1", 0, is_fixed=False) if settings.pool_certificate else listening
        stack.callback(local.close)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        host = _Host(settings, paths, stored, key=key, group=group, clocks=clocks)
        app = create_pool_app(host.services(token, stopping), host.desk(listening))
        webs = {_web_server(settings, app): listening}
        if local is not listening:
            webs[WebServer(app)] = local
        async with host.running():
            serving = [group.create_task(w.serve(at.sockets), name="web") for w, at in webs.items()]
            for web in webs:
                await web.is_open.wait()
            lock.tell(_lock_text(local, token, clocks.seconds()))
            on_ready(host.greeting(listening))
            await stopping.asked.wait()
            await _stop(tuple(webs), serving, host, stopping)
    log.info("stopped")


@final
class _Host:
    """All parts of one host."""

    def __init__(
        self,
        settings: PoolHostSettings,
        paths: Paths,
        stored: Stored,
        *,
        key: PoolKey,
        group: asyncio.TaskGroup,
        clocks: _Clocks,
    ) -> None:
        self.settings, self._paths, self._stored = settings, paths, stored
        self._key, self._clocks = key, clocks
        self.name = settings.pool_name or f"{socket.gethostname()}'s pool"
        self._offers = OfferBook(paths.pool_prices_file)
        self._counter = Counter(find=self._offers.file_of, group=group)
        self._wires, self._door = Wires(), Door.build(stored, settings, clocks.micro)
        self.works = Works.build(
            stored,
            self._door,
            self._wires,
            key=key,
            offers=self._offers,
            counter=self._counter,
            now=clocks.micro,
        )
        self._faces = Faces.build(
            stored,
            self._door,
            self.works,
            self._wires,
            offers=self._offers,
            counter=self._counter,
            settings=settings,
            steady=time.monotonic,
        )
        self.connections, self._care = connect(
            stored,
            self._door,
            self.works,
            self._faces,
            self._wires,
            key=key,
            offers=self._offers,
            settings=settings,
            pool_name=self.name,
            now=clocks.micro,
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Everything is at work inside the block; what an earlier run left is taken up first."""
        stored, works = self._stored, self.works
        await self._offers.read()
        await works.verdicts.load()
        await works.watchman.begin()
        await works.orphans.load()
        await self._door.reporting.fill(self._door.limiter)
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            beside = [
                group.create_task(stored.attempts.keep_written(), name="attempts"),
                group.create_task(stored.usage.keep_written(), name="usage"),
                group.create_task(stored.keys.write_uses(), name="uses of keys"),
                group.create_task(works.watchman.keep_written(), name="strikes"),
            ]
            # After the parts: at their end they still wait for what these write.
            stack.callback(lambda: [task.cancel() for task in beside])
            for part in (self._care, works.orphans, works.jobs, self._faces.asks):
                await stack.enter_async_context(part.running())
            yield
        self._counter.close()
        words = stored.idempotency
        for flushed in (stored.attempts, stored.usage, stored.keys, works.watchman, words):
            await flushed.flush()

    def services(self, token: str, stopping: Stopping) -> HostServices:
        """For the web."""
        return HostServices(
            access=self._door.access,
            connections=self.connections,
            gateway=self._faces.gateway,
            market=self._faces.market,
            settings=self.settings,
            local_token=token,
            stop=stopping.ask,
            is_live_session=self._stored.sessions.is_live,
            now=self._clocks.seconds,
        )

    def desk(self, listening: Listening) -> Desk:
        """For the operator."""
        desk = pool_desk(
            name=self.name,
            prices_file=self._paths.pool_prices_file,
            stored=self._stored,
            door=self._door,
            works=self.works,
            market=self._faces.market,
            offers=self._offers,
            connections=self.connections,
            key=self._key,
            address=lambda: self.url(listening),
            now=self._clocks.micro,
        )
        self._care.audit = desk.view.audit
        return desk

    def url(self, listening: Listening) -> str:
        """Where members and callers reach the host."""
        if self.settings.pool_url:
            return self.settings.pool_url.rstrip("/")
        scheme = "https" if self.settings.pool_certificate else "http"
        open_to_all = self.settings.pool_address in _EVERYWHERE
        host = socket.gethostname() if open_to_all else listening.local_host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listening.port}"

    def greeting(self, listening: Listening) -> HostGreeting:
        """What the operator is told."""
        addresses = listening.base_urls()
        files = self._offers.files
        for trouble in files.troubles:
            log.warning("a model is not offered", extra={"why": trouble})
        log.info("hosting", extra={"at": " ".join(addresses), **TOLD})
        return HostGreeting(
            addresses=addresses,
            url=self.url(listening),
            pool=self._key.pool,
            name=self.name,
            models=len(files.offers.models),
            troubles=files.troubles,
            accounts=len(self._stored.accounts.all()),
            keys=len(self._stored.keys.all()),
        )


_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  # compared, not bound


def _web_server(settings: PoolHostSettings, app: Callable[..., Awaitable[None]]) -> WebServer:
    """uvicorn for a server that strangers reach."""
    doorway = Doorway(
        connections_max=settings.members_max + settings.pool_requests_max,
        per_address_max=settings.members_per_address_max,
        exempt=settings.pool_proxies,
    )
    http, ws = guarded(doorway)
    return WebServer(
        app,
        http=http,
        ws=ws,
        certificate=settings.pool_certificate or None,
        certificate_key=settings.pool_certificate_key or None,
    )


async def _stop(
    webs: tuple[WebServer, ...],
    serving: list[asyncio.Task[None]],
    host: _Host,
    stopping: Stopping,
) -> None:
    """End in order; at once when urged."""
    log.info("stopping", extra={"jobs": len(host.works.jobs)})
    for web in webs:
        web.should_exit = True
    host.connections.tell_all(GoingAway(reason="drain", back_after_seconds=BACK_SECONDS))
    async with asyncio.TaskGroup() as group:
        grace = host.settings.pool_stop_grace_seconds
        draining = group.create_task(host.works.jobs.stop(grace), name="drain")
        urging = group.create_task(stopping.urged.wait(), name="urge")
        await asyncio.wait({draining, urging}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            host.works.jobs.hurry()
            await asyncio.wait({draining})
        urging.cancel()
    host.connections.stop(BACK_SECONDS)
    await asyncio.wait(serving, timeout=_LAST_BYTES_SECONDS)
    for web in webs:
        web.force_exit = True
    await asyncio.wait(serving)


def _lock_text(listening: Listening, token: str, now: float) -> ServerLock:
    return ServerLock(
        pid=os.getpid(),
        host=listening.local_host,
        port=listening.port,
        token=token,
        version=__version__,
        started_at=now,
    )
