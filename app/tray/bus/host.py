"""Host: whether somebody on the session bus draws tray icons."""

from typing import Literal

from app.tray.bus.calls import WATCHER, NoSessionBus, connected, has_owner, property_of


async def look_for_host() -> Literal["host", "no_host", "no_bus"]:
    """Now; a host may come later."""
    try:
        bus = await connected()
    except NoSessionBus:
        return "no_bus"
    try:
        if not await has_owner(bus, WATCHER[0]):
            return "no_host"
        is_there = await property_of(bus, WATCHER, "IsStatusNotifierHostRegistered")
        return "host" if is_there is True else "no_host"
    finally:
        bus.disconnect()
