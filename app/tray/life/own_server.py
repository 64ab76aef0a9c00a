"""OwnServer: the server that the tray starts, and ends when it quits.

It is no child in the strict sense: a tray that crashes must not take the serving with it. So it
runs untethered, and the tray's lock file remembers whose it is.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final, final

from app.client.client import Client
from app.client.discovery import find_server
from app.client.errors import NoServer, ServerRefused, ServerSilent
from app.client.process import kill, wait_gone
from app.client.starting import ServerProcess
from app.settings.paths import Paths
from app.tray.life.tray_lock import OwnServer, TrayLock
from app.wire.local import ServerLock

log = logging.getLogger(__name__)

_AFTER_GRACE_SECONDS: Final = 5.0
"""A server ends engines and closes its database after the grace."""

Ended = Callable[[int], None]
"""Called with the exit code when a server that this process started has ended."""


@final
class ServerStarter:
    """Starts and ends the tray's own server, one thing at a time."""

    def __init__(self, paths: Paths, lock: TrayLock, on_end: Ended) -> None:
        self._paths = paths
        self._lock = lock
        self._on_end = on_end
        self._one_at_a_time = threading.Lock()

    def is_own(self, server: ServerLock) -> bool:
        """Whether a tray of this user started that server."""
        return self._lock.own == OwnServer.of(server)

    def adopt(self, server: ServerLock) -> None:
        """It followed our own server, which restarted for another version."""
        self._lock.set_own(OwnServer.of(server))

    def start(self) -> None:
        """A server runs when this returns: ours, or one that came at the same moment.

        Raises: ServerSilent with what is wrong.
        """
        with self._one_at_a_time:
            if self._running() is not None:
                return
            try:
                started = ServerProcess.start(is_tethered=False)
            except ServerSilent:
                if self._running() is not None:
                    return
                raise
            running = self._running()
            if running is not None and running.pid == started.serving.pid:
                self._lock.set_own(OwnServer.of(running))
            threading.Thread(
                target=self._reap, args=(started,), name="own server", daemon=True
            ).start()

    def end(self) -> None:
        """Our own server is gone when this returns; another's is left alone."""
        with self._one_at_a_time:
            running = self._running()
            if running is None or not self.is_own(running):
                return
            grace_seconds = 0.0
            try:
                with Client(running) as client:
                    grace_seconds = client.stop().grace_seconds
            except (NoServer, ServerSilent, ServerRefused) as error:
                log.warning("the server could not be asked to stop: %s", error)
            if not wait_gone(running.pid, grace_seconds + _AFTER_GRACE_SECONDS):
                kill(running.pid)
            self._lock.set_own(None)

    def _running(self) -> ServerLock | None:
        try:
            return find_server(self._paths)
        except NoServer:
            return None

    def _reap(self, started: ServerProcess) -> None:
        code = started.process.wait()
        log.info("the server has ended", extra={"code": code})
        self._on_end(code)
