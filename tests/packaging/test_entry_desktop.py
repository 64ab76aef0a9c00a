"""What a double click runs, as a windowed program of Windows runs it: without standard streams.

Python stands for the frozen executable; there is no desktop to show an icon on.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.client.client import Client
from app.client.process import wait_gone
from app.settings.paths import Paths
from tests.tidy.source import ROOT

ENTRY = ROOT / "packaging" / "bundle" / "entry_desktop.py"

WINDOWED = """
import runpy, sys
entry, told, *words = sys.argv[1:]
sys.stdin = sys.stdout = sys.stderr = None
sys.argv = [entry, *words]
python, sys.executable = sys.executable, sys.executable + "/athanor-desktop.exe"
try:
    runpy.run_path(entry, run_name="__main__")
finally:
    open(told, "w").write(sys.executable.removeprefix(python))
"""
"""The executable's name is told at the end; nothing is started by it."""

STARTS_ITS_SERVER = """
import runpy, sys
entry, _, *words = sys.argv[1:]
sys.stdin = sys.stdout = sys.stderr = None
sys.argv = [entry, *words]
runpy.run_path(entry, run_name="__main__")
"""


def desktop(folder: Path, script: str, *words: str) -> int:
    """The exit status of a double click, in a home of its own, where no desktop is."""
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP", "XDG_RUNTIME_DIR"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {
        "ATHANOR_HOME": str(folder / "home"),
        "ATHANOR_SERVER_PORT": "0",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder / 'no-bus'}",
        "PYTHONPATH": str(ROOT),
        "PATH": "/nowhere",
    }
    return subprocess.run(
        [sys.executable, "-c", script, ENTRY, folder / "told", *words],
        env=environment,
        cwd=folder,
        check=False,
        timeout=90,
    ).returncode


@pytest.mark.parametrize(("words", "status"), [(["--version"], 0), (["tray", "--no-such"], 2)])
def test_what_it_would_say_goes_nowhere_and_fails_nothing(
    tmp_path: Path, words: list[str], status: int
) -> None:
    assert desktop(tmp_path, WINDOWED, *words) == status


def test_what_it_starts_is_the_executable_with_streams(tmp_path: Path) -> None:
    desktop(tmp_path, WINDOWED, "--version")

    assert (tmp_path / "told").read_text() == "/athanor.exe"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a desktop")
def test_without_a_word_it_is_the_tray_which_starts_its_server(tmp_path: Path) -> None:
    assert desktop(tmp_path, STARTS_ITS_SERVER) == 0

    paths = Paths.under(tmp_path / "home")
    with Client.find(paths) as client:
        assert client.state().status == "serving"
        server = client.lock.pid
        client.stop()
    assert wait_gone(server, 60)
