"""The server that a command talks to: the running one, or one of its own for a while."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

import app
from app.cli.output import note
from app.cli.serving import Serving
from app.client.client import Client
from app.client.errors import NoServer, ServerSilent
from app.core.base.errors import AthanorError
from app.settings.paths import HOME_VARIABLE, Paths

_STOP_SECONDS_MAX: Final = 20.0
_NEW_PROCESS_GROUP: Final = 0x200 if sys.platform == "win32" else 0
"""subprocess.CREATE_NEW_PROCESS_GROUP, which exists on Windows alone."""


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
    is_frozen = bool(getattr(sys, "frozen", False))
    program = [sys.executable] if is_frozen else [sys.executable, "-m", "app"]
    # The child ends when its stdin does, so it cannot outlive us even if we are killed. Its own
    # process group keeps the Ctrl-C of our terminal from it: there it stops an answer only.
    with subprocess.Popen(  # noqa: S603  # our own program
        # Reached by us alone, whatever the settings say, and in nobody's way.
        [*program, "serve", "--json", "--with-parent", "--host", "127.0.0.1", "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=_NEW_PROCESS_GROUP,
        # `-m` looks in the working folder first: there must be no other package named app.
        cwd=None if is_frozen else Path(app.__file__).parent.parent,
        env=_with_absolute_home(os.environ),
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            line = process.stdout.readline()
            try:
                msgspec.json.decode(line, type=Serving)
            except msgspec.DecodeError:
                raise _failure(line + process.stdout.read()) from None
            with running() as client:
                yield client
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def _with_absolute_home(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child with another working folder."""
    home = environment.get(HOME_VARIABLE)
    absolute = {HOME_VARIABLE: str(Path(home).expanduser().absolute())} if home else {}
    return {**environment, **absolute}


class _ErrorDetail(msgspec.Struct, frozen=True):
    kind: str
    message: str
    remedy: str = ""


class _Error(msgspec.Struct, frozen=True):
    error: _ErrorDetail


def _failure(output: bytes) -> AthanorError:
    """What the child said instead of being ready."""
    try:
        detail = msgspec.json.decode(output, type=_Error).error
    except msgspec.DecodeError:
        return ServerSilent(
            "the server that was started for this command ended at once",
            remedy="`athanor serve` shows why.",
        )
    return ServerSilent(detail.message, remedy=detail.remedy)
