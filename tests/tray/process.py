"""The tray as its user has it: the process, on a private session bus, beside a real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.client.client import Client
from app.client.errors import NoServer
from app.client.process import kill, wait_gone
from app.settings.paths import Paths
from tests.support.node import put_toy
from tests.tray.host import WAIT_SECONDS


class TrayProcess:
    """`athanor tray` with its home."""

    def __init__(self, home: Path, process: "subprocess.Popen[str]") -> None:
        self.home = home
        self.process = process

    @property
    def server_pid(self) -> int:
        """Of the server that runs in this home. Raises: NoServer."""
        with Client.find(Paths.under(self.home)) as client:
            return client.lock.pid

    def loaded(self) -> list[str]:
        """The models in memory, by the server's word."""
        with Client.find(Paths.under(self.home)) as client:
            return [each.model for each in client.state().engines if each.status == "loaded"]

    def is_serving(self) -> bool:
        try:
            return self.server_pid > 0
        except NoServer:
            return False

    def wait(self) -> str:
        """What it said on stderr, when it has ended well."""
        _, said = self.process.communicate(timeout=WAIT_SECONDS)
        assert self.process.returncode == 0, said
        return said


@contextmanager
def tray_process(home: Path, *flags: str) -> Iterator[TrayProcess]:
    """A tray; whatever it started is gone when the block ends."""
    environment = {
        **os.environ,
        "ATHANOR_HOME": str(home),
        "ATHANOR_SERVER_PORT": "0",
        "ATHANOR_MODELS_FOLDERS": str(put_toy(home)),
        "XDG_CONFIG_HOME": str(home / "config"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "app", "tray", *flags],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        tray = TrayProcess(home, process)
        try:
            yield tray
        finally:
            process.kill()
            end_server(home)


def end_server(home: Path) -> None:
    """The home's server is gone, if there was one."""
    with suppress(NoServer), Client.find(Paths.under(home)) as client:
        pid = client.lock.pid
        kill(pid)
        assert wait_gone(pid, WAIT_SECONDS)
