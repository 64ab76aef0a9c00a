"""Laws of a hold: the desktop and logind are asked for it, and let go with it. On real buses."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from app.server.hardware.awake.awake import Awake
from tests.server.hardware.surroundings.desktops import REPOSITORY, needs
from tests.support.logind import Logind, logind

WAIT_SECONDS = 60
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="these services are Linux's"),
    needs("dbus-daemon"),
]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logind]:
    """A desktop's bus and the system's, in one."""
    with logind() as made:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", made.address)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", made.address)
        yield made


def test_a_hold_is_asked_of_the_desktop_and_of_logind_and_let_go_of_both(system: Logind) -> None:
    awake = Awake()

    assert awake.hold().wait(WAIT_SECONDS)
    assert awake.is_held
    system.await_word("desktop inhibited")
    system.await_word("inhibited idle block")
    awake.let_go()

    words = {system.await_word("").strip() for _ in range(2)}
    assert words == {"desktop let go", "let go"}
    assert not awake.is_held


def test_holding_twice_is_holding_once_and_letting_go_without_a_hold_is_nothing(
    system: Logind,
) -> None:
    awake = Awake()
    awake.let_go()

    assert awake.hold().wait(WAIT_SECONDS)
    assert awake.hold().wait(WAIT_SECONDS)

    assert system.holders() == 1
    awake.let_go()
    awake.let_go()
    system.await_word("let go")
    assert system.holders() == 0


def test_a_killed_server_keeps_nobody_awake(system: Logind) -> None:
    program = (
        "import time\n"
        "from app.server.hardware.awake.awake import Awake\n"
        f"assert Awake().hold().wait({WAIT_SECONDS})\n"
        "print('held', flush=True)\n"
        f"time.sleep({WAIT_SECONDS})\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        system.await_word("inhibited idle block")
        os.kill(holder.pid, signal.SIGKILL)

        system.await_word("let go")

    assert system.holders() == 0


def test_where_nothing_can_keep_a_computer_awake_a_hold_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, "unix:path=/nowhere/bus")
    awake = Awake()

    assert awake.hold().wait(WAIT_SECONDS)
    awake.let_go()

    assert not any(thread.name == "awake" and not thread.daemon for thread in threading.enumerate())
