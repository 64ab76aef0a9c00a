"""Laws of the sampler: it runs while somebody looks, and not otherwise."""

import asyncio
from contextlib import aclosing

from app.core.state.events import DevicesSeen
from app.core.state.node_state import NodeState
from app.server.hardware.devices import Devices
from app.server.hardware.gpu_watch import NoGpu
from app.server.node.hub import Hub
from app.server.node.sampler import Sampler
from tests.server.node.homes import NO_DEVICES, run


def test_devices_are_read_for_a_watcher_and_for_nobody_else() -> None:
    async def test() -> None:
        hub = Hub(NodeState())
        devices = Devices(NO_DEVICES, watch=NoGpu())
        await devices.now()
        async with asyncio.TaskGroup() as group:
            sampling = group.create_task(Sampler(devices, hub).keep_sampled())
            done, _ = await asyncio.wait({sampling}, timeout=0.05)
            assert not done and hub.number == 0

            async with aclosing(hub.watch()) as watch:
                await anext(watch)
                seen = await anext(watch)
                assert isinstance(seen.event, DevicesSeen)
                assert [device.kind for device in seen.state.devices] == ["cpu"]
            sampling.cancel()

    run(test())
