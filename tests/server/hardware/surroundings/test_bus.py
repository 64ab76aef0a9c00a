"""Laws of the desktop's services: real ones on a real bus, and what becomes of their absence."""

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from app.core.sharing.facts import Unknown
from app.server.hardware.surroundings.bus import Bus, BusFailed
from app.server.hardware.surroundings.desktop_bus import NO_SERVICE, DesktopBus
from app.server.hardware.surroundings.metered import Metered
from tests.server.hardware.surroundings.desktops import bus_with, needs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="D-Bus is Linux's")

NOBODY = Bus("unix:path=/nowhere/bus")

SERVICES = """
import asyncio
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property, method
from dbus_fast import PropertyAccess

class Mutter(ServiceInterface):
    def __init__(self):
        super().__init__("org.gnome.Mutter.IdleMonitor")
    @method()
    def GetIdletime(self) -> "t":
        return 61_500

class Saver(ServiceInterface):
    def __init__(self):
        super().__init__("org.freedesktop.ScreenSaver")
    @method()
    def GetSessionIdleTime(self) -> "u":
        return 42_000

class Manager(ServiceInterface):
    def __init__(self):
        super().__init__("org.freedesktop.login1.Manager")
    @method()
    def GetSession(self, name: "s") -> "o":
        return "/org/freedesktop/login1/session/_1"

class Session(ServiceInterface):
    def __init__(self, kind, hint):
        super().__init__("org.freedesktop.login1.Session")
        self.kind, self.hint = kind, hint
    @dbus_property(access=PropertyAccess.READ)
    def Type(self) -> "s":
        return self.kind
    @dbus_property(access=PropertyAccess.READ)
    def IdleHint(self) -> "b":
        return self.hint
    @dbus_property(access=PropertyAccess.READ)
    def IdleSinceHintMonotonic(self) -> "t":
        return 1_000_000

class Network(ServiceInterface):
    def __init__(self, word):
        super().__init__("org.freedesktop.NetworkManager")
        self.word = word
    @dbus_property(access=PropertyAccess.READ)
    def Metered(self) -> "u":
        return self.word

async def main():
    bus = await MessageBus().connect()
    for name, path, service in SERVED:
        bus.export(path, service)
        await bus.request_name(name)
    print("ready", flush=True)
    await asyncio.Event().wait()

SERVED = [{served}]
asyncio.run(main())
"""

MUTTER = '("org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core", Mutter()),'
SAVER = '("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", Saver()),'
LOGIND = '("org.freedesktop.login1", "/org/freedesktop/login1", Manager()),'


def session(kind: str, hint: bool) -> str:
    path = "/org/freedesktop/login1/session/_1"
    return f'{LOGIND}("org.freedesktop.login1", "{path}", Session("{kind}", {hint})),'


def network(word: int) -> str:
    path = "/org/freedesktop/NetworkManager"
    return f'("org.freedesktop.NetworkManager", "{path}", Network({word})),'


def services(served: str) -> str:
    pytest.importorskip("dbus_fast", reason="the tray's library serves here")
    return SERVICES.replace("{served}", served)


@needs("dbus-daemon")
@pytest.mark.parametrize(
    ("served", "seconds"), [(MUTTER, 61.5), (SAVER, 42.0), (SAVER + MUTTER, 61.5)]
)
def test_the_desktop_tells_how_long_it_is_idle(served: str, seconds: float) -> None:
    with bus_with(services(served)) as address:
        desktop = DesktopBus(Bus(address), NOBODY)

        assert desktop.idle_seconds() == seconds
        assert desktop.idle_seconds() == seconds
        desktop.close()


@needs("dbus-daemon")
def test_logind_tells_only_of_graphical_sessions() -> None:
    with bus_with(services(session("wayland", True))) as address:
        hinted = DesktopBus(NOBODY, Bus(address)).idle_seconds()
    with bus_with(services(session("x11", False))) as address:
        busy = DesktopBus(NOBODY, Bus(address)).idle_seconds()
    with bus_with(services(session("tty", True))) as address:
        terminal = DesktopBus(NOBODY, Bus(address)).idle_seconds()

    assert isinstance(hinted, float) and hinted > 0
    assert busy == 0.0
    assert terminal == NO_SERVICE


@needs("dbus-daemon")
@pytest.mark.parametrize(
    ("word", "meaning"), [(1, True), (2, False), (3, True), (4, False), (0, None)]
)
def test_the_network_is_metered_as_its_manager_says(word: int, meaning: bool | None) -> None:
    with bus_with(services(network(word))) as address:
        found = Metered(Bus(address)).is_metered()

    assert isinstance(found, Unknown) if meaning is None else found is meaning


@needs("dbus-daemon")
def test_a_service_that_is_missing_is_an_answer_and_the_bus_goes_on() -> None:
    with bus_with(services(SAVER)) as address:
        bus = Bus(address)

        with pytest.raises(BusFailed, match=r"NameHasNoOwner|ServiceUnknown"):
            bus.ask("org.nobody", "/", "org.nobody.Ask")
        with pytest.raises(BusFailed, match="UnknownMethod"):
            bus.ask("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", "a.b.C")
        path = "/org/freedesktop/ScreenSaver"
        name = "org.freedesktop.ScreenSaver"
        assert bus.ask(name, path, f"{name}.GetSessionIdleTime") == 42_000
        bus.close()


def test_no_bus_is_an_unknown_with_its_reason() -> None:
    assert DesktopBus(NOBODY, NOBODY).idle_seconds() == NO_SERVICE
    assert isinstance(Metered(NOBODY).is_metered(), Unknown)
    with pytest.raises(BusFailed, match="no bus"):
        Bus("tcp:host=example").ask("a", "/", "a.B")


@pytest.mark.parametrize(
    "answer", [b"", b"REJECTED EXTERNAL\r\n", b"OK x\r\nl\x02\x01", b"OK x\r\n" + b"\xff" * 64]
)
def test_a_bus_that_answers_nonsense_or_nothing_is_given_up(tmp_path: Path, answer: bytes) -> None:
    path = str(tmp_path / "bus")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def answer_one() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(answer)
                while connection.recv(4096):
                    pass

        server = threading.Thread(target=answer_one, daemon=True)
        server.start()
        bus = Bus(f"unix:path={path}", wait_seconds_max=0.3)
        with pytest.raises(BusFailed):
            bus.ask("a", "/", "a.B")
        bus.close()
        server.join(20)


def test_the_addresses_of_the_buses_are_the_systems_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/none,guid=1;unix:abstract=/x")
    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS", raising=False)

    for bus in (Bus.session(), Bus.system()):
        if not os.path.exists("/run/dbus/system_bus_socket"):
            with pytest.raises(BusFailed):
                bus.ask("a", "/", "a.B")
        bus.close()
