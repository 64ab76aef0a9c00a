"""Listening: sockets on the address that the settings name.

Loopback is both 127.0.0.1 and ::1, on one port: a client that takes "localhost" for either must
find us. A port that is taken on one of them is taken.
"""

import contextlib
import errno
import ipaddress
import socket
import sys
from collections.abc import Iterable
from typing import Final, final

import msgspec

from app.core.base.errors import SettingsInvalid

NEXT_PORTS: Final = 20
"""How many ports after the wished one are tried."""
_ANY_PORT_TRIES: Final = 20
"""Port 0: the first address gets any free port, which the second may not have free."""

_LOOPBACK: Final = ("127.0.0.1", "::1")
_OTHERS: Final = {"0.0.0.0": "192.0.2.1", "::": "2001:db8::1"}  # noqa: S104  # compared, not bound
"""All addresses of a family, and one of RFC 5737 and 3849 that is nobody's."""
_WITHOUT_FAMILY: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""A system without IPv6, or without IPv4."""


@final
class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Bound sockets, all on `port`."""

    sockets: list[socket.socket]
    hosts: tuple[str, ...]
    """The address of each."""
    port: int

    @property
    def local_host(self) -> str:
        """An address under which programs of this machine reach the first socket."""
        return _reachable(self.hosts[0])

    def base_urls(self) -> tuple[str, ...]:
        """Of the OpenAI API, as clients of this machine take them, the plainest first.

        After those, where every address is listened on, the one by which others come.
        """
        found = [_reachable(host) for host in self.hosts]
        found += [address for host in self.hosts if (address := outer_address(host))]
        hosts = dict.fromkeys(found)
        return tuple(f"http://{_bracketed(host)}:{self.port}/v1" for host in hosts)

    def close(self) -> None:
        """Let the port go."""
        for each in self.sockets:
            each.close()


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def outer_address(host: str) -> str:
    """For all addresses of a family, the one that this machine shows to others; else "".

    It has none where the system knows no way to others.
    """
    if host not in _OTHERS:
        return ""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        # Sends nothing: the system chooses the address from which it would.
        one.connect((_OTHERS[host], 9))
        return str(one.getsockname()[0])
    return ""


def listen(
    host: str,
    port: int,
    *,
    is_fixed: bool,
    names: tuple[str, str] = ("server.host", "server.port"),
) -> Listening:
    """Sockets on `port`, or on the next free one within `NEXT_PORTS`; 0 takes any free one.

    `names` are the settings of host and port, for what went wrong.

    Raises: SettingsInvalid when there is none, when the port is taken and `is_fixed`, or when
    `host` is no address of this machine.
    """
    hosts = _LOOPBACK if host in {"localhost", *_LOOPBACK} else (host,)
    last = port if is_fixed else min(port + NEXT_PORTS, 65_535)
    ports = range(port, last + 1) if port else [0] * _ANY_PORT_TRIES
    for candidate in ports:
        with contextlib.suppress(_Taken):
            return _listen_on(hosts, candidate, names)
    if is_fixed:
        raise SettingsInvalid(
            f"port {port} of {host} is taken by another program",
            remedy=f"End that program, or choose another {names[1]}.",
        )
    raise SettingsInvalid(
        f"ports {port} to {last} of {host} are all taken",
        remedy=f"Choose another {names[1]}; 0 takes any free one.",
    )


class _Taken(Exception):
    """Another program listens there, or the system keeps the port for itself."""


def _listen_on(hosts: Iterable[str], port: int, names: tuple[str, str]) -> Listening:
    """Raises: _Taken; SettingsInvalid when no host is an address of this machine."""
    bound: list[tuple[str, socket.socket]] = []
    with contextlib.ExitStack() as undo:
        for host in hosts:
            for family, address in _addresses(host, port):
                try:
                    one = undo.enter_context(contextlib.closing(_socket(family)))
                    one.bind(address)
                    # Bound is not taken yet: the next one finds out only here.
                    one.listen(2048)
                except OSError as error:
                    if error.errno in _WITHOUT_FAMILY:
                        continue
                    if error.errno == errno.EACCES and sys.platform != "win32":
                        raise SettingsInvalid(
                            f"this user may not listen on port {port}",
                            remedy=f"Choose a {names[1]} of 1024 or more.",
                        ) from error
                    raise _Taken from error
                bound.append((host, one))
                port = one.getsockname()[1]
        if not bound:
            raise SettingsInvalid(
                f"{', '.join(hosts)} is no address of this machine",
                remedy=f"Set {names[0]} to 127.0.0.1, 0.0.0.0 or an address of this machine.",
            )
        undo.pop_all()
    return Listening(
        sockets=[one for _, one in bound], hosts=tuple(host for host, _ in bound), port=port
    )


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """The distinct addresses that `host` means; a literal is itself, and nobody is asked."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        pass
    else:
        return [(socket.AF_INET6 if version == 6 else socket.AF_INET, (host, port))]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    pairs = [(family, (str(place[0]), int(place[1]))) for family, _, _, _, place in found]
    return list(dict.fromkeys(pairs))


def _socket(family: socket.AddressFamily) -> socket.socket:
    # asyncio turns off Nagle's delay only where the protocol is named; a stream's chunks need it.
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform == "win32":
        one.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        # A restart need not wait for the connections of the last run to be forgotten.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return one


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
