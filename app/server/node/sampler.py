"""Sampler: keeps the devices' figures in the state fresh while they matter to somebody.

That is while a face watches or an engine is loaded; otherwise they are a minute old at most.
"""

import asyncio
from typing import Final, final

from app.core.state.events import DevicesSeen
from app.server.hardware.devices import Devices
from app.server.node.hub import Hub

SAMPLE_SECONDS: Final = 2.0
"""A reading takes milliseconds; a person sees no difference from twice as often."""
IDLE_SECONDS: Final = 60.0
"""So old may be what one look at an idle node shows."""


@final
class Sampler:
    """Reads `devices` into the state."""

    def __init__(self, devices: Devices, hub: Hub) -> None:
        self._devices = devices
        self._hub = hub

    async def keep_sampled(self) -> None:
        """Runs until it is cancelled."""
        while True:
            if not self._hub.watchers and not any(self._hub.state.engines()):
                await self._hub.bell.wait(IDLE_SECONDS)
            devices = await self._devices.sampled()
            if devices and devices != self._hub.state.devices:
                self._hub.publish(DevicesSeen(devices=devices))
            # The rhythm of a reading: no event tells that a GPU has become warmer.
            await asyncio.sleep(SAMPLE_SECONDS)
