"""Two machines on one cable, as network namespaces of Linux joined by virtual interfaces."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

import pytest

CABLE = "cable"
"""The name of the interface in each of the two."""


def ip(*words: str) -> None:
    """Runs `ip`. Raises: CalledProcessError."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass(frozen=True)
class End:
    """One of the two machines."""

    namespace: str
    address: str

    def command(self, *words: str) -> list[str]:
        """A command line, to be run on this machine."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def cut(self) -> None:
        """Pull the cable."""
        ip("-n", self.namespace, "link", "set", CABLE, "down")

    def mend(self) -> None:
        """Put it back."""
        ip("-n", self.namespace, "link", "set", CABLE, "up")

    def move(self, address: str) -> None:
        """As when a laptop changes networks: from now on it has this address, and no other."""
        ip("-n", self.namespace, "address", "flush", "dev", CABLE)
        ip("-n", self.namespace, "address", "add", f"{address}/24", "dev", CABLE)


@contextmanager
def two_machines(network: str) -> Iterator[tuple[End, End]]:
    """Two machines with the first addresses of that network, a /24; the test is skipped where
    none can be made.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux, root and ip (Debian: iproute2)")
    mark, hosts = secrets.token_hex(3), IPv4Network(network).hosts()
    one, other = (End(f"ath{mark}{letter}", str(next(hosts))) for letter in "ab")
    try:
        try:
            _join(one, other)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        yield one, other
    finally:
        for end in (one, other):
            delete = ["ip", "netns", "delete", end.namespace]
            subprocess.run(delete, check=False, capture_output=True)


def _join(one: End, other: End) -> None:
    for end in (one, other):
        ip("netns", "add", end.namespace)
    peer = ("peer", "name", CABLE, "netns", other.namespace)
    ip("-n", one.namespace, "link", "add", CABLE, "type", "veth", *peer)
    for end in (one, other):
        ip("-n", end.namespace, "link", "set", "lo", "up")
        ip("-n", end.namespace, "address", "add", f"{end.address}/24", "dev", CABLE)
        ip("-n", end.namespace, "link", "set", CABLE, "up")
