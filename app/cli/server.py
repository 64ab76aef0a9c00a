"""The server that a command talks to: the running one, or one of its own for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.cli.output import note
from app.client.client import Client
from app.client.errors import NoServer
from app.client.starting import ServerProcess
from app.settings.paths import Paths

_STOP_SECONDS_MAX: Final = 20.0


def running() -> Client:
    """The server of this user. Raises: NoServer."""
    return Client.find(Paths.find())


@contextmanager
def running_or_own() -> Iterator[Client]:
    """The running server, else one of our own that ends with the block, however we end."""
    try:
        client = running()
    except NoServer:
        note("No server is running; starting one for the time of this command.")
        with _own() as client:
            yield client
        return
    with client:
        yield client


@contextmanager
def _own() -> Iterator[Client]:
    # Reached by us alone, whatever the settings say, and in nobody's way. What somebody else left
    # half fetched is not this command's business.
    flags = ("--host", "127.0.0.1", "--port", "0", "--resume-downloads", "false")
    server = ServerProcess.start(*flags, is_tethered=True)
    try:
        with running() as client:
            yield client
    finally:
        server.end(_STOP_SECONDS_MAX)
