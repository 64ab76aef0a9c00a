"""What the tests of the tray stand on: a desktop of their own, and no screen of the developer's."""

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tray.host import WAIT_SECONDS, Bus, Desktop, session_bus

needs_bus = pytest.mark.skipif(
    shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (Debian: apt install dbus)"
)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    """The session bus of this process and its children."""
    with session_bus() as made:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", made.address)
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP"):
            monkeypatch.delenv(name, raising=False)
        yield made


@pytest.fixture
def desktop(bus: Bus) -> Iterator[Desktop]:
    """A host of icons on that bus."""
    made = Desktop(bus.address)
    yield made
    made.close()


class Browser:
    """What the system opens pages with: a program that tells the test each address."""

    def __init__(self, folder: Path) -> None:
        pipe = folder / "visited"
        os.mkfifo(pipe)
        # For both ends, so that neither waits for the other to open it.
        self._pipe = os.open(pipe, os.O_RDWR)
        opener = folder / "xdg-open"
        opener.write_text(f'#!/bin/sh\necho "$1" > "{pipe}"\n')
        opener.chmod(0o755)

    def next_visit(self) -> str:
        """The address that is opened next."""
        readable, _, _ = select.select([self._pipe], [], [], WAIT_SECONDS)
        assert readable, "nothing was opened"
        return os.read(self._pipe, 4096).decode()

    def close(self) -> None:
        os.close(self._pipe)


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """A screen with a browser."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("DISPLAY", ":no-such-screen")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    made = Browser(programs)
    yield made
    made.close()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An X11 screen that nobody sees, as DISPLAY."""
    reading, writing = os.pipe()
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    ) as server:
        os.close(writing)
        try:
            number = os.read(reading, 16).decode().strip()
            monkeypatch.setenv("DISPLAY", f":{number}")
            yield f":{number}"
        finally:
            os.close(reading)
            server.terminate()
