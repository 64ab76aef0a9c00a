"""A real node in a process of its own, for tests that call it as its users do.

The server is started by its command line on a free port and says on one line when it serves. It
ends when its stdin does, so a test that dies leaves nothing behind.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.settings.paths import Paths
from app.wire.local import ServerLock

START_SECONDS_MAX = 300
STOP_SECONDS_MAX = 120


@dataclass(frozen=True)
class RunningNode:
    """A node that serves. `process` may be killed by a test that asks what then happens."""

    home: Path
    base_url: str
    """As clients take it: http://127.0.0.1:12345/v1."""
    process: "subprocess.Popen[str]"

    @property
    def root_url(self) -> str:
        """The address without /v1."""
        return self.base_url.removesuffix("/v1")

    @property
    def token(self) -> str:
        """Bearer for the local API."""
        lock = Paths.under(self.home).lock_file.read_bytes()
        return msgspec.json.decode(lock, type=ServerLock).token

    @property
    def log(self) -> str:
        """What the server wrote to stderr so far."""
        return _stderr_of(self.home).read_text(errors="replace")


@contextmanager
def running_node(
    home: Path, *flags: str, environment: dict[str, str] | None = None
) -> Iterator[RunningNode]:
    """A node on a free port with `home` for all of its files; gone when the block ends."""
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "app", "serve", "--json", "--with-parent", "--port", "0"]
    with (
        _stderr_of(home).open("w") as log,
        subprocess.Popen(
            [*command, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **(environment or {}), "ATHANOR_HOME": str(home)},
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        watchdog = threading.Timer(START_SECONDS_MAX, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
            watchdog.cancel()
            assert line, f"the server ended before it served:\n{_stderr_of(home).read_text()}"
            serving = json.loads(line)
            assert "addresses" in serving, f"the server said: {line}{process.stdout.read()}"
            yield RunningNode(home, serving["addresses"][0], process)
        finally:
            watchdog.cancel()
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def put_toy(home: Path, name: str = "toy", **options: object) -> Path:
    """A toy model's file. The library offers toys only to who names them: pass it as --model."""
    path = home / f"{name}.toy"
    home.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(options))
    return path


def _stderr_of(home: Path) -> Path:
    return home / "server.stderr"
