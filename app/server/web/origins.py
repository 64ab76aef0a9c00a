"""Origins: which names the server may be called by, and which web pages may call it. Pure.

Two attacks are held off. DNS rebinding: a stranger's page is given this machine's address under
the stranger's name, so the Host header must be a name that no stranger can own. Drive-by pages: a
browser lets any page send simple requests to localhost, so a foreign Origin is refused, and
bodies must be JSON (guards.py), which no page can send without asking first.

Programs that are no browsers send no Origin and pass. "null" is refused: sandboxed frames of any
page have it.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

_LOCAL_SUFFIXES: Final = (".localhost", ".local", ".internal")
"""No public name ends so: `.localhost` by RFC 6761, `.local` by RFC 6762, `.internal` by ICANN."""

_LOCAL_NAMES: Final = ("localhost", "host.docker.internal")

_APP_SCHEMES: Final = frozenset(
    (
        "app",
        "capacitor",
        "chrome-extension",
        "file",
        "ionic",
        "jan",
        "moz-extension",
        "safari-web-extension",
        "tauri",
        "vscode-file",
        "vscode-webview",
    )
)
"""Programs that are built of web pages, and extensions the owner installed."""


def is_allowed_host(host: str, *, machine: str, allowed: Sequence[str]) -> bool:
    """Whether a Host header names this machine. `machine` is its name; a port is not looked at."""
    name = _host_name(host)
    if name is None:
        return False
    if name in _LOCAL_NAMES or name == machine.lower() or name.endswith(_LOCAL_SUFFIXES):
        return True
    if any(each in ("*", name) for each in (entry.lower() for entry in allowed)):
        return True
    address = _address(name)
    return address is not None and not address.is_global


def is_allowed_origin(origin: str, *, host: str, allowed: Sequence[str]) -> bool:
    """Whether a page of `origin` may call. `host` is the request's Host header, allowed before."""
    if any(_matches(origin, entry) for entry in allowed):
        return True
    try:
        parts = urlsplit(origin)
        name = (parts.hostname or "").lower()
    except ValueError:
        return False
    if parts.scheme in _APP_SCHEMES:
        return True
    if parts.scheme not in ("http", "https") or not name:
        return False
    if name == "localhost" or name.endswith(".localhost") or name == "0.0.0.0":  # noqa: S104  # compared
        return True
    if _is_loopback(name):
        return True
    # The server's own pages, opened by a name that the Host check let through.
    return parts.netloc.lower() == host.lower()


def _matches(origin: str, entry: str) -> bool:
    """An entry is an origin, or the beginning of one and a "*"."""
    if entry.endswith("*"):
        return origin.lower().startswith(entry[:-1].lower())
    return origin.lower() == entry.lower().rstrip("/")


def _host_name(host: str) -> str | None:
    """The name in a Host header, without port, brackets and the root's dot; None for nonsense."""
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if not name or parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    return name.lower().removesuffix(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_loopback


def is_loopback_address(address: str) -> bool:
    """Whether a peer's address is this machine; an IPv4 address in IPv6 clothes counts."""
    found = _address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found is not None and found.is_loopback
