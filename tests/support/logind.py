"""A logind for tests: its inhibitors, its word of sleep, and a desktop's, on a bus of their own.

The service is a process that speaks D-Bus as systemd's does. It says on its stdout what happens to
its inhibitors, and is told on its stdin what the computer shall do.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
WAIT_SECONDS = 60

SERVICE = """
import asyncio, os, sys
from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusStr, DBusUInt32, DBusUnixFd
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

held = {}

def say(words):
    print(words, flush=True)

class Manager(ServiceInterface):
    def __init__(self):
        super().__init__("org.freedesktop.login1.Manager")

    @dbus_method()
    def Inhibit(self, what: DBusStr, who: DBusStr, why: DBusStr, mode: DBusStr) -> DBusUnixFd:
        reading, writing = os.pipe()
        def closed():
            asyncio.get_running_loop().remove_reader(reading)
            os.close(reading)
            del held[reading]
            say("let go")
        def passed():
            os.close(writing)
            asyncio.get_running_loop().add_reader(reading, closed)
        held[reading] = mode
        asyncio.get_running_loop().call_later(0.05, passed)
        say(f"inhibited {what} {mode}")
        return writing

    @dbus_signal()
    def PrepareForSleep(self, start) -> DBusBool:
        return start

class Desktop(ServiceInterface):
    def __init__(self):
        super().__init__("org.freedesktop.PowerManagement.Inhibit")

    @dbus_method()
    def Inhibit(self, who: DBusStr, why: DBusStr) -> DBusUInt32:
        say("desktop inhibited")
        return 7

    @dbus_method()
    def UnInhibit(self, cookie: DBusUInt32):
        say("desktop let go")

async def main():
    bus = await MessageBus(negotiate_unix_fd=True).connect()
    stranger = await MessageBus().connect()
    manager = Manager()
    bus.export("/org/freedesktop/login1", manager)
    await bus.request_name("org.freedesktop.login1")
    bus.export("/org/freedesktop/PowerManagement/Inhibit", Desktop())
    await bus.request_name("org.freedesktop.PowerManagement")
    say("ready")
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode().split():
        match line:
            case ["sleep"]:
                manager.PrepareForSleep(True)
            case ["wake"]:
                manager.PrepareForSleep(False)
            case ["holders"]:
                say(f"holders {len(held)}")
            case ["lie", name]:
                await stranger.send(Message(
                    message_type=MessageType.SIGNAL, destination=name,
                    path="/org/freedesktop/login1", interface="org.freedesktop.login1.Manager",
                    member="PrepareForSleep", signature="b", body=[True]))
                say("lied")

asyncio.run(main())
"""


class Logind:
    """The service and its bus."""

    def __init__(
        self, address: str, bus: "subprocess.Popen[str]", service: "subprocess.Popen[str]"
    ) -> None:
        self.address = address
        self._bus = bus
        self._service = service

    def sleep(self) -> None:
        """The computer is about to sleep."""
        self._tell("sleep")

    def wake(self) -> None:
        """It woke."""
        self._tell("wake")

    def holders(self) -> int:
        """How many inhibitors are held."""
        self._tell("holders")
        return int(self.await_word("holders").split()[1])

    def lie(self, name: str) -> None:
        """Somebody else on the bus says the word of sleep to this connection."""
        self._tell(f"lie {name}")
        self.await_word("lied")

    def await_word(self, beginning: str) -> str:
        """The next line of the service that begins so."""
        assert self._service.stdout is not None
        # The suite's own limit ends a wait for a word that never comes.
        while line := self._service.stdout.readline():
            if line.startswith(beginning):
                return line
        raise AssertionError(f"the service ended and did not say {beginning!r}")

    def end_bus(self) -> None:
        """The bus goes."""
        self._bus.kill()
        self._bus.wait(WAIT_SECONDS)

    def _tell(self, words: str) -> None:
        assert self._service.stdin is not None
        self._service.stdin.write(words + "\n")
        self._service.stdin.flush()


@contextmanager
def logind() -> Iterator[Logind]:
    """A bus with logind on it."""
    pytest.importorskip("dbus_fast", reason="the tray's library serves here")
    with subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        text=True,
    ) as bus:
        assert bus.stdout is not None
        address = bus.stdout.readline().strip()
        with subprocess.Popen(
            [sys.executable, "-c", SERVICE],
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=REPOSITORY,
        ) as service:
            made = Logind(address, bus, service)
            try:
                made.await_word("ready")
                yield made
            finally:
                service.kill()
                bus.kill()
