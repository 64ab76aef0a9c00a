"""Calls: what we ask of others on the session bus, each with an end in time.

A desktop's parts come, hang and go. Nothing here raises for that: the answer is then None.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

ANSWER_SECONDS_MAX: Final = 10.0

BUS: Final = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
WATCHER: Final = (
    "org.kde.StatusNotifierWatcher",
    "/StatusNotifierWatcher",
    "org.kde.StatusNotifierWatcher",
)
NOTIFICATIONS: Final = (
    "org.freedesktop.Notifications",
    "/org/freedesktop/Notifications",
    "org.freedesktop.Notifications",
)
PORTAL: Final = (
    "org.freedesktop.portal.Desktop",
    "/org/freedesktop/portal/desktop",
    "org.freedesktop.portal.Settings",
)
PROPERTIES: Final = "org.freedesktop.DBus.Properties"

Peer = tuple[str, str, str]
"""Name on the bus, path of the object, interface."""


class NoSessionBus(Exception):
    """There is no session bus: nobody is logged in at a desktop, or it has ended."""


async def connected() -> MessageBus:
    """The session bus. Raises: NoSessionBus."""
    try:
        return await MessageBus(bus_type=BusType.SESSION).connect()
    except (OSError, EOFError, AuthError, InvalidAddressError, DBusError) as error:
        raise NoSessionBus(str(error)) from error


async def call(
    bus: MessageBus, peer: Peer, member: str, signature: str = "", body: Sequence[object] = ()
) -> list[object] | None:
    """What the peer answers; None where there is no such peer, it refuses or it hangs."""
    name, path, interface = peer
    message = Message(
        destination=name,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=list(body),
    )
    try:
        # Not wait_for: in Python 3.11 it loses a cancellation that meets the answer.
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            reply = await bus.call(message)
    except (TimeoutError, EOFError, OSError, DBusError):
        return None
    return None if reply.message_type is MessageType.ERROR else list(reply.body)


async def property_of(bus: MessageBus, peer: Peer, name: str) -> object:
    """The value of a peer's property, without its wrapping; None where there is none."""
    target = (peer[0], peer[1], PROPERTIES)
    answer = await call(bus, target, "Get", "ss", [peer[2], name])
    return unwrapped(answer[0]) if answer else None


async def hear(bus: MessageBus, rule: str) -> None:
    """From now on signals that match the rule reach this connection."""
    await call(bus, BUS, "AddMatch", "s", [rule])


async def has_owner(bus: MessageBus, name: str) -> bool:
    """Whether somebody has the name now."""
    return await call(bus, BUS, "NameHasOwner", "s", [name]) == [True]


def unwrapped(value: object) -> object:
    """What is in the variant, however often it was wrapped."""
    while isinstance(value, Variant):
        value = value.value
    return value
