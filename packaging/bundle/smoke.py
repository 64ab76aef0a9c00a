"""Start the built bundle as its user would, where there is nothing else: `make smoke`.

The environment is empty: no PATH, a fresh home, no Python. Asked are the version, the models from a
cold start, one streamed question to the demonstration model, and the dashboard; then the server is
killed with -9, and no engine may be left. What was measured is printed.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_QUESTION: Final = "What is this program?"
_DEADLINE_SECONDS: Final = 60.0


class Failed(Exception):
    """The bundle does not do what it must."""


def main() -> int:
    """0 when all of it works."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=_ROOT / "dist" / "athanor")
    bundle: Path = parser.parse_args().bundle
    program = bundle / ("athanor.exe" if os.name == "nt" else "athanor")
    try:
        with tempfile.TemporaryDirectory() as home:
            _smoke(program, Path(home))
    except Failed as failed:
        print(f"FAILED  {failed}")
        return 1
    return 0


def _smoke(program: Path, home: Path) -> None:
    environment = {"HOME": str(home), "USERPROFILE": str(home), "PATH": ""}
    if os.name == "nt":
        environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    _version(program, environment)
    with _server(program, environment) as (server, port, seconds):
        print(f"ok      /v1/models {seconds:.2f} s after a cold start")
        _answer(port)
        _page(port)
        engines = _children(server.pid)
        if not engines:
            raise Failed("no engine runs after an answer")
        server.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        server.wait(_DEADLINE_SECONDS)
        _until(lambda: not any(_lives(pid) for pid in engines), "an engine outlives its server")
        print(f"ok      {len(engines)} engine gone after the server was killed")
    with _server(program, environment) as (server, _, _):
        subprocess.run([program, "stop"], env=environment, check=True, stdout=subprocess.DEVNULL)
        if server.wait(_DEADLINE_SECONDS) != 0:
            raise Failed("the server did not stop in order")
        print("ok      a server started again, and stopped when asked")


def _version(program: Path, environment: dict[str, str]) -> None:
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        told = subprocess.run(
            [program, "--version"], env=environment, check=True, capture_output=True, text=True
        ).stdout
        seconds.append(time.monotonic() - began)
    print(f"ok      {told.strip()}: --version in {sorted(seconds)[2]:.3f} s (median of 5)")


@contextmanager
def _server(
    program: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], int, float]]:
    """A server of the bundle, its port, and the seconds until it listed its models."""
    began = time.monotonic()
    command = [program, "serve", "--json", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line:
                raise Failed(f"the server ended with {server.wait()} before it served")
            port = int(json.loads(line)["addresses"][0].split(":")[2].split("/")[0])
            status, body = _get(port, "/v1/models")
            if status != 200 or b"athanor-starter" not in body:
                raise Failed(f"/v1/models answered {status} without the demonstration model")
            yield server, port, time.monotonic() - began
        finally:
            server.kill()


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_SECONDS)
    connection.request("GET", path, headers={"Accept": "text/html, application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _answer(port: int) -> None:
    """One streamed answer, greedily."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_SECONDS)
    body = {
        "model": "athanor-starter",
        "messages": [{"role": "user", "content": _QUESTION}],
        "temperature": 0,
        "stream": True,
    }
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
    )
    lines = connection.getresponse().read().decode().splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    if not data or data[-1] != "[DONE]":
        raise Failed(f"the stream did not end as it should: {lines[-3:]}")
    chunks = [json.loads(each)["choices"] for each in data[:-1]]
    text = "".join(each[0]["delta"].get("content") or "" for each in chunks if each)
    if "GPU" not in text:
        raise Failed(f"the answer to {_QUESTION!r} was {text!r}")
    print(f"ok      {_QUESTION} {text!r} ({len(chunks)} chunks, {time.monotonic() - began:.1f} s)")


def _page(port: int) -> None:
    status, body = _get(port, "/")
    if status not in {200, 401, 403} or b"Athanor" not in body:
        raise Failed(f"the dashboard answered {status}")
    print(f"ok      the dashboard answers {status} with {len(body):,} bytes")


def _children(pid: int) -> list[int]:
    """Children of a process. Linux only; elsewhere nothing is known."""
    file = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in file.read_text().split()] if file.exists() else []


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _until(holds: Callable[[], bool], trouble: str) -> None:
    end = time.monotonic() + _DEADLINE_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise Failed(trouble)
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
