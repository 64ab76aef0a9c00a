"""The server that a command talks to: the running one, or one of its own for a while."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.cli.output import note
from app.client.client import Client
from app.client.errors import NoServer, ServerTaken
from app.client.starting import ServerProcess
from app.settings.paths import Paths
from app.wire.local import NodePicture

_STOP_SECONDS_MAX: Final = 20.0
_TAKEN_SECONDS_MAX: Final = 60.0
"""So long another server may begin or end before a command gives up. Either takes seconds."""
_LOOK_SECONDS: Final = 0.2
_TELL_SECONDS: Final = 1.0
"""The picture may be a moment behind the end of our own answer."""


def running() -> Client:
    """The server of this user. Raises: NoServer."""
    return Client.find(Paths.find())


@contextmanager
def running_or_own() -> Iterator[Client]:
    """The running server, else one of our own that ends with the block, however we end.

    Of commands that begin together one starts the server, and the others use it.
    """
    give_up_at = time.monotonic() + _TAKEN_SECONDS_MAX
    while True:
        try:
            found: Client | ServerProcess = _running_or_started()
            break
        except ServerTaken:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(_LOOK_SECONDS)
    if isinstance(found, Client):
        with found:
            yield found
        return
    try:
        with running() as client:
            yield client
            _let_others_end(client)
    finally:
        found.end(_STOP_SECONDS_MAX)


def _running_or_started() -> Client | ServerProcess:
    try:
        return running()
    except NoServer:
        # Reached by us alone, whatever the settings say, and in nobody's way. What somebody else
        # left half fetched is not this command's business.
        flags = ("--host", "127.0.0.1", "--port", "0", "--resume-downloads", "false")
        server = ServerProcess.start(*flags, is_tethered=True)
        note("No server was running; one was started for the time of this command.")
        return server


def _let_others_end(client: Client) -> None:
    """Other commands may have found the server meanwhile: it ends after their answers."""
    began, is_told = time.monotonic(), False
    for event in client.events():
        if not _is_busy(event.picture):
            return
        if not is_told and time.monotonic() - began > _TELL_SECONDS:
            note("Another command uses the server, which ends after its answer, or by Ctrl-C.")
            is_told = True


def _is_busy(picture: NodePicture) -> bool:
    return any(
        each.status == "loading" or each.running + each.waiting + each.parked
        for each in picture.engines
    )
