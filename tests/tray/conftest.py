"""What the tests of the tray stand on: a desktop of their own, and no screen of the developer's."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tray.host import Bus, Desktop, session_bus

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


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A screen with a browser: the file that it writes each address to, one a line."""
    visited, programs = tmp_path / "visited", tmp_path / "programs"
    programs.mkdir()
    opener = programs / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" >> "{visited}"\n')
    opener.chmod(opener.stat().st_mode | stat.S_IXUSR)
    visited.touch()
    monkeypatch.setenv("DISPLAY", ":no-such-screen")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return visited
