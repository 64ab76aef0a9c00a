"""A real node in a process of its own, for tests that call it as its users do.

serving_process.py says how it is started and ended.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.settings.paths import Paths
from app.wire.local import ServerLock
from tests.support.serving_process import serving_process


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
    command = ("serve", "--port", "0", *flags)
    with serving_process(command, home, _stderr_of(home), environment) as (serving, process):
        yield RunningNode(home, serving["addresses"][0], process)


def put_toy(home: Path, name: str = "toy", **options: object) -> Path:
    """A toy model's file. The library offers toys only to who names them: pass it as --model."""
    path = home / f"{name}.toy"
    home.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(options))
    return path


def _stderr_of(home: Path) -> Path:
    return home / "server.stderr"
