"""Laws of the whole server process, started by its command line and killed for real."""

import asyncio
import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.server.main.run import anchored_clock
from app.server.storage.database import Database
from app.settings.paths import Paths
from tests.server.node.homes import toy
from tests.support.node import RunningNode, running_node

REPOSITORY = Path(__file__).parents[3]
GONE_SECONDS_MAX = 10.0


def get(node: RunningNode, path: str) -> str:
    with urllib.request.urlopen(node.base_url + path, timeout=30) as answer:
        return str(answer.read().decode())


def body(text: str, *, stream: bool = False) -> bytes:
    message = {"role": "user", "content": text}
    return json.dumps({"model": "toy", "messages": [message], "stream": stream}).encode()


def chat(node: RunningNode, text: str) -> str:
    request = urllib.request.Request(
        node.base_url + "/chat/completions", body(text), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        content = json.load(answer)["choices"][0]["message"]["content"]
    return str(content)


@contextlib.contextmanager
def streaming(node: RunningNode, text: str) -> Iterator[http.client.HTTPResponse]:
    """An answer under way: its first content has come."""
    host, port = node.root_url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", body(text, stream=True), headers)
        answer = connection.getresponse()
        while b'"content":"' not in (line := answer.readline()) or b'"content":""' in line:
            assert line, "the stream ended before its first words"
        yield answer


def engines_of(node: RunningNode) -> list[psutil.Process]:
    """The children that hold models; another one lists devices at the start."""
    children = psutil.Process(node.process.pid).children(recursive=True)
    return [child for child in children if "--devices" not in child.cmdline()]


def wait_gone(processes: list[psutil.Process]) -> None:
    """Returns when all have ended; whether anybody has reaped them is not asked."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor) as pidfd:
            ended, _, _ = select.select([pidfd], [], [], GONE_SECONDS_MAX)
            assert ended, f"process {process.pid} lives on"


def test_the_server_answers_on_both_loopbacks_and_tells_its_models(home: Path) -> None:
    path = toy(home, "toy")

    with running_node(home, "--model", str(path)) as node:
        assert chat(node, "hello") == "hello"
        assert [model["id"] for model in json.loads(get(node, "/models"))["data"]] == ["toy"]
        port = int(node.root_url.rpartition(":")[2])
        with contextlib.suppress(OSError), socket.create_connection(("::1", port), timeout=5) as c:
            c.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert c.recv(100).startswith(b"HTTP/1.1 200")


def test_a_killed_server_leaves_no_engine(home: Path) -> None:
    path = toy(home, "toy", step_seconds=0.01)

    with running_node(home, "--model", str(path)) as node, streaming(node, "x" * 3000):
        engines = engines_of(node)
        assert engines

        node.process.send_signal(signal.SIGKILL)
        node.process.wait()

        _, alive = psutil.wait_procs(engines, timeout=GONE_SECONDS_MAX)
        assert alive == []


def test_a_killed_server_leaves_no_engine_that_hangs(home: Path) -> None:
    path = toy(home, "toy", on_load="hang")

    with running_node(home, "--model", str(path)) as node:
        asking = threading.Thread(target=_ask_in_vain, args=(node,), daemon=True)
        asking.start()
        with urllib.request.urlopen(
            urllib.request.Request(
                node.root_url + "/local/events",
                headers={"Authorization": f"Bearer {node.token}"},
            ),
            timeout=30,
        ) as events:
            while b'"stage":"weights"' not in events.readline():
                pass
        (engine,) = engines_of(node)
        # Stopped in the kernel's sense: it cannot notice the end of its stdin.
        engine.suspend()

        node.process.send_signal(signal.SIGKILL)
        node.process.wait()

        wait_gone([engine])
        asking.join(timeout=30)


def _ask_in_vain(node: RunningNode) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        chat(node, "hello")


def test_a_signal_lets_a_stream_finish_and_ends_the_server_and_its_engines(home: Path) -> None:
    path = toy(home, "toy", step_seconds=0.002)

    with running_node(home, "--model", str(path)) as node:
        with streaming(node, "a whole answer, " * 20) as answer:
            engines = engines_of(node)
            node.process.send_signal(signal.SIGTERM)
            rest = answer.read()

        assert rest.rstrip().endswith(b"data: [DONE]")
        assert node.process.wait(30) == 0
        wait_gone(engines)


@pytest.fixture
def terminal() -> Iterator[None]:
    """SIGHUP as a terminal's children have it: a server of tests under nohup would outlive it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_server_and_engines_together_lets_a_stream_finish(
    home: Path, number: signal.Signals
) -> None:
    """A unit without KillMode, a closed session and `kill` of all its processes do that."""
    path = toy(home, "toy", step_seconds=0.002)

    with running_node(home, "--model", str(path)) as node:
        with streaming(node, "a whole answer, " * 20) as answer:
            engines = engines_of(node)
            for process in (*engines, psutil.Process(node.process.pid)):
                process.send_signal(number)
            rest = answer.read()

        assert engines
        assert rest.rstrip().endswith(b"data: [DONE]")
        assert node.process.wait(30) == 0
        wait_gone(engines)


@pytest.mark.parametrize(
    ("grace", "signals"),
    [("0.5", [signal.SIGINT]), ("300", [signal.SIGINT, signal.SIGTERM])],
    ids=["one signal and a short grace", "a second signal"],
)
def test_a_stream_that_outlasts_the_grace_ends_with_an_error_event(
    home: Path, grace: str, signals: list[signal.Signals]
) -> None:
    path = toy(home, "toy", step_seconds=0.05)

    with running_node(home, "--model", str(path), "--stop-grace-seconds", grace) as node:
        with streaming(node, "x" * 3000) as answer:
            engines = engines_of(node)
            for each in signals:
                node.process.send_signal(each)
            rest = answer.read()

        assert b'"error"' in rest and b"[DONE]" not in rest
        assert node.process.wait(30) == 0
        wait_gone(engines)


def test_a_second_server_of_the_same_user_says_where_the_first_is(home: Path) -> None:
    with running_node(home) as node:
        second = subprocess.run(
            [sys.executable, "-m", "app", "serve", "--json"],
            check=False,
            cwd=REPOSITORY,
            env={**os.environ, "ATHANOR_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert second.returncode == 3
        assert f"{node.process.pid}" in second.stdout + second.stderr


def test_off_loopback_without_a_key_the_server_refuses_to_start(home: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--host", "0.0.0.0", "--port", "0"],
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "ATHANOR_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert refused.returncode == 2
    assert "athanor keys add" in " ".join((refused.stdout + refused.stderr).split())


def test_a_start_that_fails_among_tasks_is_told_by_its_sentence_alone(home: Path) -> None:
    paths = Paths.find()
    paths.ensure()
    asyncio.run(_database_without_sessions(paths.database))

    failed = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "ATHANOR_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    told = " ".join((failed.stdout + failed.stderr).split())
    assert "the database cannot be written: no such table: sessions" in told
    assert "Traceback" not in told


async def _database_without_sessions(path: Path) -> None:
    """One that is damaged where the last of the server's parts are built."""
    async with await Database.open(path) as database:
        await database.write("drop table sessions")


def test_with_a_key_the_server_may_be_reached_by_others(home: Path) -> None:
    with running_node(home) as node:
        made = urllib.request.Request(
            node.root_url + "/local/keys",
            json.dumps({"name": "phone"}).encode(),
            {"Authorization": f"Bearer {node.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(made, timeout=30) as answer:
            secret = json.load(answer)["secret"]

    with running_node(home, "--host", "0.0.0.0") as node:
        listed = urllib.request.Request(
            node.base_url + "/models", headers={"Authorization": f"Bearer {secret}"}
        )
        with urllib.request.urlopen(listed, timeout=30) as answer:
            assert answer.status == 200


def test_no_word_of_a_request_reaches_a_file(home: Path) -> None:
    path = toy(home, "toy")

    with running_node(home, "--model", str(path), "--log-level", "debug") as node:
        assert chat(node, "CANARY-5b1e and more") == "CANARY-5b1e and more"

    for file in home.rglob("*"):
        if file.is_file():
            assert b"CANARY-5b1e" not in file.read_bytes(), file


def test_the_time_goes_on_while_the_machine_sleeps() -> None:
    steady = iter([100.0, 101.0, 101.0 + 8 * 3600])

    now = anchored_clock(lambda: next(steady))

    evening = now()
    assert now() - evening == pytest.approx(8 * 3600)
