"""The guards of tests/conftest.py stand: no test leaves this machine or the home it was given."""

import asyncio
import socket
from pathlib import Path

import pytest

from app.settings.paths import Paths


def test_a_test_cannot_connect_to_another_machine() -> None:
    with socket.socket() as client, pytest.raises(PermissionError, match="network"):
        client.connect(("192.0.2.1", 80))


def test_a_test_cannot_look_up_a_foreign_name() -> None:
    with pytest.raises(PermissionError, match="network"):
        socket.getaddrinfo("example.org", 80)


def test_an_event_loop_cannot_connect_to_another_machine() -> None:
    with pytest.raises(PermissionError, match="network"):
        asyncio.run(asyncio.wait_for(asyncio.open_connection("192.0.2.1", 80), 5))


def test_a_test_can_connect_to_this_machine() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_a_home_holds_every_file_of_its_node(home: Path) -> None:
    paths = Paths.find()

    assert all(
        path.is_relative_to(home)
        for path in (paths.config_file, paths.database, paths.models, paths.lock_file, paths.logs)
    )
