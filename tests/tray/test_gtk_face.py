"""The face by pystray's GTK icon, in a bar of X11: seen, clicked, its menu used by keys.

GTK is of the system, as it is for users (docs/tray.md): what is not there is said, and skipped.
"""

import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.tray.host import WAIT_SECONDS
from tests.tray.older_bar import OlderBar

SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")
PRESSES_MAX = 60


def gtk_folder(folder: Path) -> str:
    """Where this Python finds the system's PyGObject; skips where there is none that it loads."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} (Debian: apt install xvfb xdotool)")
    path = ""
    if importlib.util.find_spec("gi") is None and (SYSTEM_PACKAGES / "gi").is_dir():
        (folder / "gi").symlink_to(SYSTEM_PACKAGES / "gi")
        path = str(folder)
    loads = "import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk"
    tried = subprocess.run(
        [sys.executable, "-c", loads],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    if tried.returncode:
        why = tried.stderr.strip().rpartition("\n")[2]
        pytest.skip(f"needs GTK 3 for this Python (apt install python3-gi gir1.2-gtk-3.0): {why}")
    return path


class Shown:
    """The face in its process, and what it says."""

    def __init__(self, screen: str, gtk: str) -> None:
        root = Path(__file__).parents[2]
        self.screen = screen
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tray.panel_child"],
            cwd=root,
            env={**os.environ, "DISPLAY": screen, "PYTHONPATH": gtk, "PYSTRAY_BACKEND": "gtk"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.put(line.strip())

    def next(self) -> str:
        """What it says next."""
        return self.said.get(timeout=WAIT_SECONDS)

    def do(self, *words: str) -> None:
        """What a hand on mouse and keys does."""
        subprocess.run(
            ["xdotool", *words], env={**os.environ, "DISPLAY": self.screen}, check=True,
            timeout=WAIT_SECONDS,
        )  # fmt: skip

    def do_until_it_says(self, expected: str, *words: str) -> None:
        """Again and again: a menu hears keys when it has grabbed them, which nothing tells."""
        for _ in range(PRESSES_MAX):
            self.do(*words)
            with suppress(queue.Empty):
                while self.said.get(timeout=1) != expected:
                    pass
                return
        raise AssertionError(f"{words} never led to {expected!r}")


@pytest.fixture
def shown(screen: str, tmp_path: Path) -> Iterator[tuple[Shown, OlderBar]]:
    gtk = gtk_folder(tmp_path)
    bar = OlderBar(screen)
    face = Shown(screen, gtk)
    try:
        assert face.next() == "bar True"
        bar.wait_for_icon()
        assert face.next() == "seen True"
        yield face, bar
    finally:
        face.process.kill()
        face.process.wait(WAIT_SECONDS)


def test_an_icon_in_an_older_bar_opens_the_dashboard_and_is_left_by_its_menu(
    shown: tuple[Shown, OlderBar],
) -> None:
    face, bar = shown
    over = ("mousemove", *map(str, bar.place))

    face.do_until_it_says("clicked OpenDashboard", *over, "click", "1")

    face.do(*over, "click", "3")
    bar.wait_for_menu()
    # From nothing chosen, up is the last item.
    face.do_until_it_says("clicked Quit", "key", "Up", "Return")
    assert face.next() == "ended"
    assert face.process.wait(WAIT_SECONDS) == 0
