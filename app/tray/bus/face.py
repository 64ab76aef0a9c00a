"""BusFace: the icon as a StatusNotifierItem on the session bus, for Linux.

Needs no display, no toolkit and no panel that is there already: it registers when a host comes,
and again when the host comes back. Runs asyncio on the main thread.

Source: freedesktop's StatusNotifierItem and com.canonical.dbusmenu; packaging.md section 3.3 says
which traps of the alternatives led here.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Sequence
from typing import Final, final

from dbus_fast import Message, MessageType, NameFlag, Variant
from dbus_fast.aio import MessageBus

from app.tray.bus.bar import bar_of
from app.tray.bus.calls import (
    NOTIFICATIONS,
    PORTAL,
    WATCHER,
    call,
    connected,
    has_owner,
    hear,
    property_of,
    unwrapped,
)
from app.tray.bus.item_service import ITEM_PATH, ItemService
from app.tray.bus.menu_service import MENU_PATH, MenuService
from app.tray.face import Perform, Seen
from app.tray.icons import Bar, Pixels, icon_file, icon_pixels
from app.tray.look.actions import OpenDashboard
from app.tray.look.facts import Facts
from app.tray.look.look import TITLE, Look, look_of
from app.tray.look.toasts import Toast

log = logging.getLogger(__name__)

_SCHEME: Final = ("org.freedesktop.appearance", "color-scheme")
_TOAST_ICON_SIZE: Final = 48
_TOASTS_MAX: Final = 16


@final
class BusFace:
    """The tray's face on the session bus."""

    def __init__(self) -> None:
        self._look = look_of(None, Facts())
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: _Running | None = None
        self._is_stopped = False

    def run(self, perform: Perform, seen: Seen) -> None:
        """See Face. Raises: NoSessionBus."""
        with asyncio.Runner() as runner:
            runner.run(self._run(perform, seen))

    def show(self, look: Look) -> None:
        """See Face."""
        with self._lock:
            self._look = look
            self._on_loop("put")

    def notify(self, toast: Toast) -> None:
        """See Face."""
        with self._lock:
            if self._loop is not None and self._running is not None:
                self._loop.call_soon_threadsafe(self._running.say, toast)

    def stop(self) -> None:
        """See Face."""
        with self._lock:
            self._is_stopped = True
            self._on_loop("end")

    def _on_loop(self, what: str) -> None:
        """Under the lock: do it on the loop's thread, where there is a loop."""
        running, loop = self._running, self._loop
        if running is None or loop is None:
            return
        if what == "end":
            loop.call_soon_threadsafe(running.ended.set)
        else:
            loop.call_soon_threadsafe(running.put, self._look)

    async def _run(self, perform: Perform, seen: Seen) -> None:
        bus = await connected()
        running = _Running(bus, self._look, perform, seen)
        with self._lock:
            self._loop, self._running = asyncio.get_running_loop(), running
            if self._is_stopped:
                running.ended.set()
        try:
            await running.serve()
        finally:
            with self._lock:
                self._loop = self._running = None
            bus.disconnect()


@final
class _Running:
    """One connection to the bus, from first to last."""

    def __init__(self, bus: MessageBus, look: Look, perform: Perform, seen: Seen) -> None:
        self._bus = bus
        self._perform = perform
        self._seen = seen
        self._bar: Bar = bar_of(_desktop(), None)
        self._menu = MenuService(perform)
        self._item = ItemService(look, self._pixels, perform)
        self._menu.put(look.menu)
        self._name = f"org.kde.StatusNotifierItem-{os.getpid()}-1"
        self._hosts_changed = asyncio.Event()
        self._toast_ids: set[object] = set()
        self._clicked_early: set[object] = set()
        self._is_sending = False
        self._toasts: asyncio.Queue[Toast] = asyncio.Queue(_TOASTS_MAX)
        self.ended = asyncio.Event()

    def put(self, look: Look) -> None:
        """Show this."""
        self._item.put(look)
        self._menu.put(look.menu)

    def say(self, toast: Toast) -> None:
        """Say it after those that wait; a desktop that hangs is told no more."""
        with contextlib.suppress(asyncio.QueueFull):
            self._toasts.put_nowait(toast)

    async def serve(self) -> None:
        """Until `ended`, or until the bus is gone."""
        self._bus.export(ITEM_PATH, self._item)
        self._bus.export(MENU_PATH, self._menu)
        self._bus.add_message_handler(self._heard)
        await self._bus.request_name(self._name, NameFlag.DO_NOT_QUEUE)
        for rule in _RULES:
            await hear(self._bus, rule)
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self._keep_registered(), name="registration"),
                group.create_task(self._say_toasts(), name="notifications"),
                group.create_task(self._look_at_bar(), name="bar"),
                group.create_task(self._wait_for_bus_end(), name="bus"),
            ]
            await self.ended.wait()
            for task in beside:
                task.cancel()

    # --- the host ----------------------------------------------------------------------------

    async def _keep_registered(self) -> None:
        """Be known to every watcher that comes, and say whether somebody draws the icon."""
        while True:
            self._hosts_changed.clear()
            self._seen(await self._register())
            await self._hosts_changed.wait()

    async def _register(self) -> bool:
        if not await has_owner(self._bus, WATCHER[0]):
            return False
        await call(self._bus, WATCHER, "RegisterStatusNotifierItem", "s", [self._name])
        return await property_of(self._bus, WATCHER, "IsStatusNotifierHostRegistered") is True

    async def _wait_for_bus_end(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        log.info("the session bus has ended")
        self.ended.set()

    def _heard(self, message: Message) -> None:
        """A message of the bus; signals that we asked for are taken in, nothing is answered."""
        if message.message_type is not MessageType.SIGNAL:
            return
        match (message.interface, message.member):
            case ("org.freedesktop.DBus", "NameOwnerChanged"):
                if message.body[0] == WATCHER[0]:
                    self._hosts_changed.set()
            case (interface, "StatusNotifierHostRegistered" | "StatusNotifierHostUnregistered"):
                if interface == WATCHER[2]:
                    self._hosts_changed.set()
            case (interface, "ActionInvoked"):
                if interface == NOTIFICATIONS[2]:
                    self._toast_clicked(message.body[0])
            case (interface, "NotificationClosed"):
                if interface == NOTIFICATIONS[2]:
                    self._toast_ids.discard(message.body[0])
            case (interface, "SettingChanged"):
                if interface == PORTAL[2] and tuple(message.body[:2]) == _SCHEME:
                    self._set_bar(unwrapped(message.body[2]))
            case _:
                pass

    # --- the bar -----------------------------------------------------------------------------

    async def _look_at_bar(self) -> None:
        answer = await call(self._bus, PORTAL, "Read", "ss", _SCHEME)
        self._set_bar(unwrapped(answer[0]) if answer else None)

    def _set_bar(self, scheme: object) -> None:
        bar = bar_of(_desktop(), scheme)
        if bar != self._bar:
            self._bar = bar
            self._item.repaint()

    def _pixels(self, mark: str) -> Sequence[Pixels]:
        return icon_pixels(mark, self._bar)

    # --- notifications -----------------------------------------------------------------------

    def _toast_clicked(self, number: object) -> None:
        """Everybody's clicks are heard here; one may be heard before the number is known."""
        if number in self._toast_ids:
            self._perform(OpenDashboard())
        elif self._is_sending:
            self._clicked_early.add(number)

    async def _say_toasts(self) -> None:
        while True:
            toast = await self._toasts.get()
            icon = icon_file("ready", self._bar, _TOAST_ICON_SIZE)
            hints = {"desktop-entry": Variant("s", "athanor")}
            body = [TITLE, 0, str(icon), toast.title, toast.body, ["default", "Open"], hints, -1]
            self._is_sending = True
            answer = await call(self._bus, NOTIFICATIONS, "Notify", "susssasa{sv}i", body)
            self._is_sending = False
            early, self._clicked_early = self._clicked_early, set()
            if answer:
                self._toast_ids.add(answer[0])
                if answer[0] in early:
                    self._toast_clicked(answer[0])
            else:
                log.info("no notification could be shown: the desktop has no service for them")


_RULES: Final = (
    f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{WATCHER[0]}'",
    f"type='signal',interface='{WATCHER[2]}'",
    f"type='signal',interface='{NOTIFICATIONS[2]}'",
    f"type='signal',interface='{PORTAL[2]}',member='SettingChanged'",
)


def _desktop() -> str:
    return os.environ.get("XDG_CURRENT_DESKTOP", "")
