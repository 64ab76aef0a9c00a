"""Follower: the tray's eye on the server. Finds it, follows its events, finds it again.

Runs on a thread of its own. Between two tries it waits, longer each time, and at once when it is
woken; a server that was there and broke off is looked for without waiting.
"""

import logging
import threading
from typing import Final, Protocol, final

from app.client.client import Client
from app.client.errors import NoServer
from app.core.base.errors import AthanorError
from app.settings.paths import Paths
from app.tray.look.facts import Shelved
from app.wire.local import NodePicture, ServerLock

log = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS: Final = 0.1
_WAIT_SECONDS_MAX: Final = 4.0
_LISTED: Final = "models_listed"


class Watcher(Protocol):
    """Who is told; on the follower's thread."""

    def met(self, server: ServerLock) -> None:
        """This server answers."""

    def saw(self, picture: NodePicture) -> None:
        """The picture now."""

    def shelved(self, models: tuple[Shelved, ...]) -> None:
        """The models that can be loaded now."""

    def lost(self) -> None:
        """No server answers; said again at every try that fails."""


@final
class Follower:
    """Follows until the process ends."""

    def __init__(self, paths: Paths, watcher: Watcher) -> None:
        self._paths = paths
        self._watcher = watcher
        self._woken = threading.Event()

    def wake(self) -> None:
        """Look now: a server was started."""
        self._woken.set()

    def run(self) -> None:
        """For ever."""
        wait_seconds = _FIRST_WAIT_SECONDS
        while True:
            self._woken.clear()
            if self._follow():
                wait_seconds = _FIRST_WAIT_SECONDS
                continue
            self._watcher.lost()
            if self._woken.wait(wait_seconds):
                wait_seconds = _FIRST_WAIT_SECONDS
            else:
                wait_seconds = min(2 * wait_seconds, _WAIT_SECONDS_MAX)

    def _follow(self) -> bool:
        """Follow one server to its end; False where none answered."""
        has_answered = False
        try:
            with Client.find(self._paths) as client:
                for event in client.events():
                    if not has_answered:
                        self._watcher.met(client.lock)
                    if event.happened == _LISTED or not has_answered:
                        self._watcher.shelved(_shelf(client))
                    has_answered = True
                    self._watcher.saw(event.picture)
        except NoServer:
            pass
        except AthanorError as error:
            log.info("the server broke off: %s", error)
        return has_answered


def _shelf(client: Client) -> tuple[Shelved, ...]:
    return tuple(
        Shelved(name=model.id, is_demonstration=model.is_demonstration is True)
        for model in client.models()
    )
