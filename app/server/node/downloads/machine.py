"""Machine: what this computer offers a model, as a download must know it beforehand.

Memory as it would be without our own engines, since they make room for whoever is asked for; and
how fast each device reads, which is measured once and remembered.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

from app.core.models.card import ModelCard
from app.core.models.plan import DeviceUse
from app.core.models.speed import with_sample
from app.core.models.verdict import Verdict, judge
from app.core.models.wishes import Wishes
from app.core.state.node_state import Device
from app.server.hardware.bandwidth import measure_ram, nvidia_bandwidths
from app.server.hardware.devices import Devices
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.machine import look_at_machine
from app.server.node.planning import Bytes, identity, use_of, without
from app.server.node.recent import Done
from app.server.storage.speeds import Speeds

log = logging.getLogger(__name__)

_CPU: Final = "cpu"


@final
class Sight:
    """The machine at one moment: verdicts on any number of models, without waiting."""

    def __init__(
        self,
        devices: Sequence[DeviceUse],
        bandwidths: Mapping[str, float],
        wishes: Wishes,
        speeds: Speeds,
    ) -> None:
        self.devices = devices
        self.bandwidths = bandwidths
        self._wishes = wishes
        self._speeds = speeds

    def verdict(self, card: ModelCard, *, is_estimate: bool = False) -> Verdict:
        """Whether the model fits, and how fast it is; measured where it ran here before."""
        measured = None if is_estimate else self._speeds.of(identity(card))
        return judge(
            card,
            self.devices,
            self._wishes,
            self.bandwidths,
            measured,
            is_estimate=is_estimate,
        )


@final
class Machine:
    """Verdicts on models for this machine, and what it learns of them. On one event loop."""

    def __init__(
        self,
        *,
        devices: Devices,
        engine: EngineProgram,
        speeds: Speeds,
        wishes: Wishes,
        residents: Callable[[], Sequence[Bytes]],
        now: Callable[[], float],
    ) -> None:
        """`residents`: what our own engines take now, by device."""
        self._devices = devices
        self._engine = engine
        self._speeds = speeds
        self._wishes = wishes
        self._residents = residents
        self._now = now
        self._bandwidths: dict[str, float] | None = None
        self._measuring = asyncio.Lock()

    async def look(self) -> "Sight":
        """The machine as it is now. The first look may take some seconds: it measures."""
        devices = await self._devices.now()
        bandwidths = await self._bandwidths_of(devices)
        uses = [use_of(device) for device in without(devices, self._residents())]
        return Sight(uses, bandwidths, self._wishes, self._speeds)

    async def learn(self, card: ModelCard, done: Done) -> None:
        """Takes in what an answer tells of a model's speed."""
        name = identity(card)
        known = self._speeds.of(name)
        new = with_sample(known, done.completion_tokens, done.decode_ms / 1000)
        if new is not None and new != known:
            await self._speeds.remember(name, new, self._now())

    async def _bandwidths_of(self, devices: Sequence[Device]) -> Mapping[str, float]:
        async with self._measuring:
            if self._bandwidths is None:
                self._bandwidths = await self._find_bandwidths(devices)
            return self._bandwidths

    async def _find_bandwidths(self, devices: Sequence[Device]) -> dict[str, float]:
        found: dict[str, float] = {}
        cards = await asyncio.to_thread(nvidia_bandwidths)
        for device in devices:
            if device.kind == _CPU:
                if rate := await self._ram():
                    found[device.name] = rate
                continue
            card = next((card for card in cards if card[0] == device.description), None)
            if card is not None:
                cards.remove(card)
                found[device.name] = card[1]
        return found

    async def _ram(self) -> float | None:
        """The best of what was measured, once a start: a busy machine reads slower than it can."""
        machine = look_at_machine()
        key = f"RAM of {machine.memory_bytes} bytes, {machine.cores} cores"
        known = (await self._speeds.bandwidths()).get(key, 0.0)
        rate = await measure_ram(self._engine) or 0.0
        if rate > known:
            log.info("memory bandwidth measured", extra={"gb_per_second": round(rate / 1e9, 1)})
            await self._speeds.remember_bandwidth(key, rate, self._now())
        return max(rate, known) or None
