"""Laws of listening: both loopbacks on one port, the next port when it is taken, or a clear no."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from app.core.base.errors import SettingsInvalid
from app.server.main.listening import NEXT_PORTS, Listening, is_loopback, listen, outer_address


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@contextmanager
def taken(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port on which another program listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as other:
        other.bind((host, port))
        other.listen()
        yield other.getsockname()[1]


@contextmanager
def listening(host: str, port: int, *, is_fixed: bool = False) -> Iterator[Listening]:
    found = listen(host, port, is_fixed=is_fixed)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is_both_families_on_one_port(host: str) -> None:
    with listening(host, 0) as found:
        hosts = ["127.0.0.1"] + (["::1"] if has_ipv6() else [])
        for one in hosts:
            socket.create_connection((one, found.port), timeout=5).close()

        assert list(found.hosts) == hosts
        assert found.base_urls()[0] == f"http://127.0.0.1:{found.port}/v1"
        assert found.local_host == "127.0.0.1"


def test_a_taken_port_means_the_next_free_one() -> None:
    with taken() as port, listening("127.0.0.1", port) as found:
        assert port < found.port <= port + NEXT_PORTS


@needs_ipv6
def test_a_port_that_is_taken_on_ipv6_alone_is_taken() -> None:
    with taken("::1") as port, listening("127.0.0.1", port) as found:
        assert found.port != port


def test_a_port_that_the_owner_named_is_taken_or_refused() -> None:
    with taken() as port, pytest.raises(SettingsInvalid, match=f"port {port} of 127") as refused:
        listen("127.0.0.1", port, is_fixed=True)

    assert "another server.port" in refused.value.remedy


def test_a_server_that_was_just_ended_leaves_its_port_to_the_next() -> None:
    with listening("127.0.0.1", 0) as first:
        client = socket.create_connection(("127.0.0.1", first.port), timeout=5)
        accepted, _ = first.sockets[0].accept()
        # The side that closes first keeps the address in TIME_WAIT.
        accepted.close()
        client.close()

    with listening("127.0.0.1", first.port, is_fixed=True) as second:
        assert second.port == first.port


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="no address of this machine"):
        listen("192.0.2.1", 0, is_fixed=False)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may take any port")
def test_a_port_that_needs_rights_is_refused_in_words() -> None:
    with pytest.raises(SettingsInvalid, match="may not listen on port 80"):
        listen("127.0.0.1", 80, is_fixed=False)


def test_all_addresses_are_reached_by_loopback_on_this_machine() -> None:
    with listening("0.0.0.0", 0) as found:
        assert found.base_urls()[0] == f"http://127.0.0.1:{found.port}/v1"


@pytest.mark.parametrize("host", ["0.0.0.0", pytest.param("::", marks=needs_ipv6)])
def test_of_all_addresses_the_one_by_which_others_come_is_told(host: str) -> None:
    outer = outer_address(host)

    with listening(host, 0) as found:
        hosts = [urlsplit(url).hostname for url in found.base_urls()]
        for one in hosts:
            socket.create_connection((one, found.port), timeout=5).close()

    assert hosts[1:] == ([outer] if outer else [])
    assert not is_loopback(outer)


def test_who_listens_on_one_address_tells_no_other() -> None:
    with listening("127.0.0.1", 0) as found:
        assert all(is_loopback(str(urlsplit(url).hostname)) for url in found.base_urls())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("my-pc", False),
    ],
)
def test_only_loopback_needs_no_key(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
