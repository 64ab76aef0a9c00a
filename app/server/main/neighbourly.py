"""Neighbourly: the neighbour of this node, built by the settings and following them."""

from collections.abc import Callable

from app.server.hardware.devices import Devices
from app.server.hardware.surroundings.look import Lookout
from app.server.node.engines import Engines
from app.server.node.hub import Hub
from app.server.node.loader import Loader
from app.server.node.neighbour import Neighbour
from app.settings.rules import rules_of
from app.settings.schema import Settings


def neighbour_of(
    settings: Settings,
    *,
    hub: Hub,
    engines: Engines,
    devices: Devices,
    loader: Loader,
    now: Callable[[], float],
) -> Neighbour:
    """A neighbour that has not looked around yet."""
    return Neighbour(
        hub=hub,
        engines=engines,
        devices=devices,
        loader=loader,
        lookout=Lookout(settings.neighbour.exclusive_programs),
        rules=rules_of(settings),
        frees_ram=settings.neighbour.free_ram_too,
        hold_seconds=float(settings.neighbour.free_hold_seconds),
        now=now,
    )


async def use_settings(settings: Settings, neighbour: Neighbour, loader: Loader) -> None:
    """The neighbour and the loader go by these settings from now on."""
    neighbour.use(
        rules_of(settings),
        exclusive=settings.neighbour.exclusive_programs,
        frees_ram=settings.neighbour.free_ram_too,
        hold_seconds=float(settings.neighbour.free_hold_seconds),
    )
    loader.allows_cpu = settings.neighbour.allow_cpu_after_gpu_loss
