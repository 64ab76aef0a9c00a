"""Real desktops for the tests: an X server without a screen, a message bus with services on it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[4]


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips where a program is missing, and says which."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)} (.ci/run)")


@contextmanager
def x_server() -> Iterator[str]:
    """The name of a display of our own."""
    with subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield f":{server.stdout.readline().strip()}"
        finally:
            server.terminate()
            server.wait(20)


def x(display: str, *command: str) -> str:
    """The output of a program at the display."""
    return subprocess.run(
        command,
        env={**os.environ, "DISPLAY": display},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout


@contextmanager
def bus_with(services: str) -> Iterator[str]:
    """The address of a message bus of our own, on which the Python text `services` serves.

    It prints a line when it does.
    """
    with subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        server = subprocess.Popen(
            [sys.executable, "-c", services],
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address},
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        try:
            assert server.stdout is not None
            assert server.stdout.readline(), "the services did not start"
            yield address
        finally:
            server.kill()
            server.wait(20)
            daemon.terminate()
            daemon.wait(20)
