"""A click on "Restart to update": the server is of the new version, and so is the tray.

A bundle that is a folder of the test's own, on a real bus, beside a publisher's place.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.client.client import Client
from app.client.errors import NoServer
from app.client.process import wait_gone
from app.settings.paths import Paths
from tests.support.bundles import installed_bundle
from tests.tray.conftest import needs_bus
from tests.tray.host import WAIT_SECONDS, Desktop
from tests.tray.process import end_server

pytestmark = [
    needs_bus,
    pytest.mark.slow,
    pytest.mark.bundle,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="archives are Linux's"),
]


def _version(paths: Paths) -> str:
    try:
        with Client.find(paths) as client:
            return client.state().version
    except NoServer:
        return ""


def test_a_click_restarts_server_and_tray_and_quitting_ends_both(
    tmp_path: Path, desktop: Desktop
) -> None:
    with installed_bundle(tmp_path, now=int(time.time())) as (program, environment):
        paths = Paths.under(Path(environment["ATHANOR_HOME"]))
        with subprocess.Popen(
            [program, "tray", "--background"], env={**os.environ, **environment}
        ) as tray:
            try:
                desktop.wait_for_item()
                desktop.menu_with("Copy API address")
                with Client.find(paths) as client:
                    client.fetch_update()

                desktop.click(desktop.menu_with("Restart to update to 0.2.0"))
                desktop.wait_until(lambda: _version(paths) == "0.2.0" or None)
                said = desktop.wait_until(lambda: _runs_from(tray.pid, "athanor-0.2.0") or None)
                assert said, "the tray went on as the new one, in the same process"

                desktop.wait_until(lambda: len(desktop.items) > 1 or None)
                desktop.menu_with("Copy API address")
                with Client.find(paths) as client:
                    server = client.lock.pid
                desktop.click(desktop.menu_with("Quit"))
                assert tray.wait(WAIT_SECONDS) == 0
                assert wait_gone(server, WAIT_SECONDS), "the new server is the tray's own too"
            finally:
                tray.kill()
                end_server(paths.config_file.parent)


def _runs_from(pid: int, folder: str) -> bool:
    """Whether the process was started from that folder, by what its environment says."""
    return f"{folder}/athanor".encode() in Path(f"/proc/{pid}/environ").read_bytes()
