"""A desktop for tests: a private session bus, and a host of tray icons on it.

The host is what a panel is on the bus: it owns org.kde.StatusNotifierWatcher, takes
registrations, reads icons and menus and clicks. It runs on a thread of its own, so that tests read
from top to bottom.
"""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeVar

from dbus_fast import Message, MessageType, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

WAIT_SECONDS = 60
WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
NOTIFICATIONS = "org.freedesktop.Notifications"
T = TypeVar("T")


@dataclass(frozen=True)
class Bus:
    """A session bus."""

    address: str
    daemon: "subprocess.Popen[str]"

    def end(self) -> None:
        """The session is over."""
        self.daemon.kill()
        self.daemon.wait(WAIT_SECONDS)


@contextmanager
def session_bus() -> Iterator[Bus]:
    """A session bus of its own."""
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as daemon:
        assert daemon.stdout is not None
        try:
            yield Bus(daemon.stdout.readline().strip(), daemon)
        finally:
            daemon.kill()


@dataclass(frozen=True)
class Line:
    """One item of a menu, as a host reads it."""

    number: int
    properties: dict[str, object]
    children: tuple["Line", ...]

    @property
    def label(self) -> str:
        return str(self.properties.get("label", "")).replace("__", "_")

    @property
    def is_enabled(self) -> bool:
        return self.properties.get("enabled", True) is True

    @property
    def is_checked(self) -> bool:
        return self.properties.get("toggle-state") == 1

    def all(self) -> Iterator["Line"]:
        for child in self.children:
            yield child
            yield from child.all()

    def find(self, start: str) -> "Line | None":
        """The first item below whose label begins so."""
        return next((line for line in self.all() if line.label.startswith(start)), None)

    def labels(self) -> list[str]:
        return [line.label for line in self.children if line.label]


class Desktop:
    """A host on a bus. `hosts` False: a bus on which nobody draws icons."""

    def __init__(self, address: str, *, hosts: bool = True) -> None:
        self._address = address
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._wait(self._connect())
        self.toasts: list[tuple[str, str]] = []
        if hosts:
            self.begin_hosting()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._bus.disconnect)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_SECONDS)
        self._loop.close()

    # --- being a host ------------------------------------------------------------------------

    def begin_hosting(self) -> None:
        self.items: list[str] = []
        self._wait(self._bus.request_name(WATCHER))

    def end_hosting(self) -> None:
        self._wait(self._bus.release_name(WATCHER))

    def begin_notifying(self) -> None:
        self._wait(self._bus.request_name(NOTIFICATIONS))

    def wait_for_item(self) -> str:
        """The bus name of the registered icon."""
        return self.wait_until(lambda: self.items[-1] if self.items else None)

    # --- reading and clicking ----------------------------------------------------------------

    def item(self) -> dict[str, object]:
        """All properties of the icon."""
        answer = self.call("/StatusNotifierItem", "org.freedesktop.DBus.Properties", "GetAll",
                           "s", [ITEM])  # fmt: skip
        assert isinstance(answer[0], dict)
        return {name: _plain(value) for name, value in answer[0].items()}

    def menu(self) -> Line:
        """The whole menu."""
        answer = self.call("/MenuBar", MENU, "GetLayout", "iias", [0, -1, []])
        return _line(answer[1])

    def menu_with(self, start: str) -> Line:
        """The item whose label begins so, once there is one."""
        return self.wait_until(lambda: self.menu().find(start))

    def click(self, line: Line) -> None:
        body = [line.number, "clicked", Variant("s", ""), 0]
        self.call("/MenuBar", MENU, "Event", "isvu", body)

    def activate(self) -> None:
        """A left click on the icon."""
        self.call("/StatusNotifierItem", ITEM, "Activate", "ii", [1, 1])

    def click_toast(self, number: int) -> None:
        self._loop.call_soon_threadsafe(self._notifications.action_invoked, number, "default")

    def call(
        self, path: str, interface: str, member: str, signature: str, body: list[object]
    ) -> list[object]:
        message = Message(
            destination=self.items[-1],
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        reply = self._wait(self._bus.call(message))
        assert reply.message_type is not MessageType.ERROR, reply.body
        return list(reply.body)

    def wait_until(self, look: Callable[[], T | None]) -> T:
        """What `look` finds, as soon as something on the bus made it find it."""
        for _ in range(10_000):
            with self._changed:
                before = self._changes
            found = look()
            if found:
                return found
            with self._changed:
                if self._changes == before:
                    assert self._changed.wait(WAIT_SECONDS), "nothing happened on the bus"
        raise AssertionError("much happened on the bus, but not this")

    # --- within ------------------------------------------------------------------------------

    async def _connect(self) -> None:
        self._changed = threading.Condition()
        self._changes = 0
        self.items = []
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.add_message_handler(self._heard)
        self._notifications = _Notifications(self)
        self._bus.export("/StatusNotifierWatcher", _Watcher(self))
        self._bus.export("/org/freedesktop/Notifications", self._notifications)
        rule = "type='signal'"
        await self._bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="AddMatch",
                signature="s",
                body=[rule],
            )
        )

    def _heard(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL:
            self.changed()

    def changed(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _wait(self, work: Coroutine[object, object, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(WAIT_SECONDS)


class _Watcher(ServiceInterface):
    def __init__(self, desktop: Desktop) -> None:
        super().__init__(WATCHER)
        self._desktop = desktop

    @dbus_method(name="RegisterStatusNotifierItem")
    def register(self, name: DBusStr) -> None:
        self._desktop.items.append(name)
        self._desktop.changed()

    @dbus_property(name="IsStatusNotifierHostRegistered", access=PropertyAccess.READ)
    def is_registered(self) -> DBusBool:
        return True

    @dbus_signal(name="StatusNotifierHostRegistered")
    def host_registered(self) -> None: ...


class _Notifications(ServiceInterface):
    def __init__(self, desktop: Desktop) -> None:
        super().__init__(NOTIFICATIONS)
        self._desktop = desktop

    @dbus_method(name="Notify")
    def notify(  # noqa: PLR0917  # as the specification has it
        self,
        program: DBusStr,
        replaces: Annotated[int, DBusSignature("u")],
        icon: DBusStr,
        title: DBusStr,
        body: DBusStr,
        actions: Annotated[list[str], DBusSignature("as")],
        hints: Annotated[dict[str, Variant], DBusSignature("a{sv}")],
        timeout: Annotated[int, DBusSignature("i")],
    ) -> Annotated[int, DBusSignature("u")]:
        self._desktop.toasts.append((title, body))
        self._desktop.changed()
        return len(self._desktop.toasts)

    @dbus_signal(name="ActionInvoked")
    def action_invoked(
        self, number: int, action: str
    ) -> Annotated[list[object], DBusSignature("us")]:
        return [number, action]


def _line(node: object) -> Line:
    node = _plain(node)
    assert isinstance(node, tuple | list)
    number, properties, children = node
    return Line(
        number=number,
        properties={name: _plain(value) for name, value in properties.items()},
        children=tuple(_line(child) for child in children),
    )


def _plain(value: object) -> object:
    while isinstance(value, Variant):
        value = value.value
    return value
