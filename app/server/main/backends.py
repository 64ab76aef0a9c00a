"""Back ends: the parts that prove, bring and choose them, put together and at work."""

import asyncio
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, final

from app.core.release.manifest import system_of
from app.core.runtime.packs import Hardware
from app.observe.outbound import Outbound
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.nvidia import look_at_nvidia
from app.server.identity.keys import verify
from app.server.node.hub import Hub
from app.server.node.in_force import InForce
from app.server.node.loader import Loader
from app.server.node.runtimes.fetching import Fetching, opener_of
from app.server.node.runtimes.prover import Prover
from app.server.node.runtimes.runtimes import Runtimes
from app.server.node.runtimes.store import Store
from app.settings.paths import Paths
from app.settings.publisher import read_publisher


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What devices are listed by, before there is anything that loads models."""

    store: Store
    prover: Prover
    devices: Devices
    hub: Hub
    now: Callable[[], float]

    @classmethod
    def of(cls, paths: Paths, hub: Hub, program: EngineProgram, now: Callable[[], float]) -> Self:
        """By the record in the data folder."""
        store = Store(paths.runtimes, opener_of(read_publisher(), verify))
        prover = Prover(program, store, hub, now)
        devices = Devices(program, judge=prover)
        return cls(store=store, prover=prover, devices=devices, hub=hub, now=now)

    def runtimes(
        self, in_force: InForce, outbound: Outbound, loader: Loader, group: asyncio.TaskGroup
    ) -> Runtimes:
        """What carries out the owner's orders, as tasks of `group`."""
        fetching = Fetching(
            publisher=read_publisher(),
            verify=verify,
            store=self.store,
            program=EngineProgram.of_downloads(),
            outbound=outbound,
            address=lambda: in_force.settings.runtime.packs_address,
            disk_free_bytes_min=lambda: in_force.settings.downloads.disk_free_bytes_min,
            now=self.now,
        )
        runtimes = Runtimes(
            store=self.store,
            prover=self.prover,
            fetching=fetching,
            hardware_of=look_at_hardware,
            look_anew=loader.look_anew,
            hub=self.hub,
            group=group,
        )
        runtimes.start()
        return runtimes


def look_at_hardware(build: str) -> Hardware:
    """This machine, for packs of this build of llama.cpp. Blocks for some milliseconds."""
    nvidia = look_at_nvidia()
    return Hardware(
        system=system_of(sys.platform, platform.machine()),
        build=build,
        nvidia_driver=nvidia.driver,
        compute_capabilities=nvidia.capabilities,
        nvidia_cards=nvidia.names,
    )
