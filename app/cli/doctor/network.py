"""Who serves on this machine: our server, its port, and the other servers of models."""

import errno
import socket
from typing import Final

from app.cli.doctor.finding import Finding, Findings, Verdict
from app.client.client import Client
from app.client.errors import NoServer
from app.core.base.errors import AthanorError
from app.server.storage.database import DatabaseUnusable, check_file
from app.settings.paths import Paths
from app.settings.schema import Settings

NEIGHBOURS: Final = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama-server or LocalAI",
    9931: "llama-server",
    8000: "vLLM or llama-cpp-python's server",
    1337: "Jan",
    5001: "KoboldCpp",
    5000: "TextGen",
    13305: "Lemonade",
    12434: "Docker Model Runner",
    4891: "GPT4All",
    9292: "llama-swap",
}
"""Default ports of others, which hold GPU memory too."""
_OF_SEVERITY: Final[dict[str, Verdict]] = {"info": "note", "warning": "warning", "error": "wrong"}
_CONNECT_SECONDS_MAX: Final = 0.3


def check_server(paths: Paths, settings: Settings, *, port_is_chosen: bool) -> Findings:
    """Our server and what it has to tell, or the port that it would take."""
    try:
        with Client.find(paths) as client:
            picture = client.state()
    except NoServer:
        yield Finding(about="server", verdict="ok", message="not running")
        yield from _database(paths)
        yield _port(settings.server.port, is_chosen=port_is_chosen)
        return
    except AthanorError as error:
        yield Finding(about="server", verdict="wrong", message=error.message, remedy=error.remedy)
        return
    where = ", ".join(picture.addresses)
    yield Finding(about="server", verdict="ok", message=f"at {where}: {picture.summary}")
    for notice in picture.notices:
        yield Finding(
            about="server",
            verdict=_OF_SEVERITY[notice.severity],
            message=notice.message,
            remedy=notice.remedy,
        )


def check_neighbours(settings: Settings) -> Findings:
    """Other servers of models that run here."""
    for port, name in NEIGHBOURS.items():
        if port != settings.server.port and _answers(port):
            yield Finding(
                about="neighbour",
                verdict="note",
                message=f"port {port} is taken, perhaps by {name}; two servers share the GPU's "
                "memory",
            )


def _database(paths: Paths) -> Findings:
    """What would keep a server from starting; one that runs has its database open."""
    try:
        check_file(paths.database)
    except DatabaseUnusable as error:
        yield Finding(about="server", verdict="wrong", message=error.message, remedy=error.remedy)


def _port(port: int, *, is_chosen: bool) -> Finding:
    taken = port and any(
        _is_taken(family, host, port)
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    )
    if not taken:
        return Finding(about="port", verdict="ok", message=f"{port} is free")
    then = "the server cannot start" if is_chosen else "the next free one will be used"
    return Finding(
        about="port",
        verdict="wrong" if is_chosen else "note",
        message=f"{port} is taken by another program, so {then}",
        remedy="Choose another with `athanor settings set server.port PORT`." if is_chosen else "",
    )


def _is_taken(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            # Without IPv6 on this machine the address does not exist, and nobody has its port.
            return error.errno == errno.EADDRINUSE
    return False


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_SECONDS_MAX):
            return True
    except OSError:
        return False
