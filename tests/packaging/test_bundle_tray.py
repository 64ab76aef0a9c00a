"""The tray of the built bundle: drawn by a panel on a real bus, read, clicked, and gone.

In an environment with no program of the system's, no Python and a home of its own.
`BUNDLE=FOLDER` names another bundle than dist/athanor.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client.client import Client
from app.client.process import wait_gone
from app.settings.paths import Paths
from tests.packaging.installers.support import BUNDLE, needs_bundle
from tests.tray.conftest import needs_bus
from tests.tray.host import WAIT_SECONDS, Bus, Desktop, session_bus
from tests.tray.process import end_server

pytestmark = [
    pytest.mark.bundle,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="the bus is Linux's"),
    needs_bus,
]


@pytest.fixture
def bus() -> Iterator[Bus]:
    """A session of the test's own."""
    with session_bus() as made:
        yield made


def test_its_tray_is_drawn_serves_and_is_gone_with_its_server_when_it_is_quit(
    tmp_path: Path, bus: Bus
) -> None:
    needs_bundle()
    home = tmp_path / "athanor"
    environment = {
        "PATH": "/nowhere",
        "HOME": str(tmp_path),
        "ATHANOR_HOME": str(home),
        "ATHANOR_SERVER_PORT": "0",
        "DBUS_SESSION_BUS_ADDRESS": bus.address,
    }
    desktop = Desktop(bus.address)
    command = [BUNDLE / "athanor", "tray", "--background"]
    with subprocess.Popen(command, env=environment) as tray:
        try:
            desktop.wait_for_item()
            icon = desktop.item()
            assert icon["Id"] == "athanor"
            assert icon["IconPixmap"], "a bar that knows no theme draws what it is given"

            desktop.menu_with("Copy API address")
            with Client.find(Paths.under(home)) as client:
                server = client.lock.pid

            desktop.click(desktop.menu_with("Quit"))
            assert tray.wait(WAIT_SECONDS) == 0
            assert wait_gone(server, WAIT_SECONDS), "it ends the server that it started"
        finally:
            tray.kill()
            end_server(home)
            desktop.close()
