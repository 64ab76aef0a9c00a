"""Finding the server by its lock file, and waiting for processes."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from app.client.client import Client
from app.client.discovery import find_server, read_lock
from app.client.errors import NoServer, ServerSilent
from app.client.process import is_alive, kill, wait_gone
from app.settings.paths import Paths
from app.wire.local import ServerLock

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]
"""Lives until its stdin ends."""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.under(tmp_path)
    found.ensure()
    return found


def _write_lock(paths: Paths, *, pid: int, port: int = 9, host: str = "127.0.0.1") -> ServerLock:
    lock = ServerLock(
        pid=pid, host=host, port=port, token="secret-token", version="0", started_at=0.0
    )
    paths.lock_file.write_bytes(msgspec.json.encode(lock))
    return lock


def _gone_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_without_a_lock_file_no_server_runs(paths: Paths) -> None:
    with pytest.raises(NoServer) as caught:
        find_server(paths)

    assert "athanor serve" in caught.value.remedy


def test_a_lock_file_of_a_dead_process_is_stale(paths: Paths) -> None:
    _write_lock(paths, pid=_gone_pid())

    with pytest.raises(NoServer):
        find_server(paths)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
def test_a_lock_file_that_is_half_written_names_no_server(paths: Paths, content: bytes) -> None:
    paths.lock_file.write_bytes(content)

    assert read_lock(paths.lock_file) is None


def test_a_lock_file_of_a_living_process_is_believed(paths: Paths) -> None:
    lock = _write_lock(paths, pid=os.getpid())

    assert find_server(paths) == lock


def test_where_nobody_listens_no_server_runs_even_if_the_process_lives(paths: Paths) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _write_lock(paths, pid=os.getpid(), port=port)

    with Client.find(paths) as client, pytest.raises(NoServer, match=f"process {os.getpid()}"):
        client.state()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),
        ("::", "http://[::1]:9"),
        ("fe80::1", "http://[fe80::1]:9"),
        ("athanor.local", "http://athanor.local:9"),
    ],
)
def test_a_server_that_listens_everywhere_is_called_on_this_machine(
    paths: Paths, host: str, address: str
) -> None:
    with Client(_write_lock(paths, pid=1, host=host)) as client:
        assert client.address == address


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_peer_that_is_no_server_of_ours_is_told_apart_from_none(
    paths: Paths, answer: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lock = _write_lock(paths, pid=os.getpid(), port=listener.getsockname()[1])

        def serve_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        peer = threading.Thread(target=serve_once)
        peer.start()
        with Client(lock) as client, pytest.raises(ServerSilent) as caught:
            client.state()
        peer.join()

    assert caught.value.remedy
    assert "secret-token" not in str(caught.value)


def test_the_token_is_in_no_repr(paths: Paths) -> None:
    lock = _write_lock(paths, pid=1)

    assert "secret-token" not in repr(lock)


def test_this_process_is_alive_and_impossible_ids_are_not() -> None:
    assert is_alive(os.getpid())
    assert not any(map(is_alive, (-1, 0, 2**31, 2**80, _gone_pid())))


def test_waiting_for_a_process_ends_with_it_or_with_the_limit() -> None:
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        assert not wait_gone(process.pid, 0)
        assert process.stdin is not None

        threading.Timer(0.05, process.stdin.close).start()
        start = time.monotonic()

        assert wait_gone(process.pid, 30)
        assert time.monotonic() - start < 20
    assert wait_gone(process.pid, 0)


def test_a_killed_process_is_gone() -> None:
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        kill(process.pid)

        assert wait_gone(process.pid, 10)
    kill(process.pid)
