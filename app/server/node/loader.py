"""Loader: from a model's name to a child that serves, by the best plan that does not crash.

A child that crashes, hangs or refuses while it loads is followed by one with a safer plan, down
the ladder of core/models. What a crash taught is remembered for the model, so that it is not
learned again; a refusal (memory that was short today) is not.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import final

import msgspec

from app.core.base.errors import EngineFailed, GpuGone, ModelDoesNotFit
from app.core.base.ids import ModelName
from app.core.models.card import ModelCard
from app.core.models.gpu_loss import falls_to_cpu
from app.core.models.ladder import next_rung
from app.core.models.plan import LoadPlan
from app.core.models.wishes import Wishes
from app.core.state.events import DevicesSeen, NoticeCleared, NoticeRaised
from app.core.state.node_state import Device
from app.server.engine_child.engine_process import EngineProcess, LoadFailed
from app.server.engine_child.exit_words import Ending
from app.server.hardware.devices import Devices
from app.server.node.gpu_roll import GpuRoll
from app.server.node.hub import Hub
from app.server.node.planning import Bytes, Choice, choose, identity, without
from app.server.node.shelf import Shelf
from app.server.storage.rungs import Rungs
from app.wire.model import ModelFacts, ModelSource

log = logging.getLogger(__name__)


@final
class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A child that serves, and by what plan."""

    process: EngineProcess
    facts: ModelFacts
    choice: Choice
    rung: int


@final
class Loader:
    """Plans and carries out loads; whom to evict and when to load is the supervisor's business.

    `shelf` is where the models are.
    """

    def __init__(
        self,
        *,
        shelf: Shelf,
        devices: Devices,
        rungs: Rungs,
        hub: Hub,
        now: Callable[[], float],
        allows_cpu: bool = False,
    ) -> None:
        self._shelf = shelf
        self._devices = devices
        self._rungs = rungs
        self._hub = hub
        self._now = now
        self.allows_cpu = allows_cpu
        """Whether a model may fall to the processor when its GPU is gone."""
        self._roll = GpuRoll(hub)
        self.gpu_back: Callable[[], None] = lambda: None
        """Called when every GPU that had gone is back; set by the engines."""

    def gpu_fell(self) -> None:
        """An engine ended since its GPU went away: the devices are listed anew when next asked."""
        self._devices.forget()
        self._roll.fell()

    async def look_anew(self) -> tuple[Device, ...]:
        """As `look`, whatever was listed before."""
        self._devices.forget()
        return await self.look()

    async def look(self) -> tuple[Device, ...]:
        """The devices as they are now; the state shows them from now on."""
        devices = await self._devices.now()
        self._hub.publish(DevicesSeen(devices=devices))
        if self._devices.notice is not None:
            self._hub.publish(NoticeRaised(notice=self._devices.notice))
        elif any(notice.key == "devices" for notice in self._hub.state.notices):
            self._hub.publish(NoticeCleared(key="devices"))
        self._roll.excuse(self._devices.pinned)
        if self._roll.call(devices):
            self.gpu_back()
        return devices

    def doubt(self) -> None:
        """An engine crashed on a GPU: GPUs are tried again before the next load."""
        self._devices.doubt()

    async def wish(self, name: ModelName, wishes: Wishes, residents: Iterable[Bytes]) -> Choice:
        """How the model would be loaded if the residents gave their memory back.

        Raises: ModelNotFound, ModelFileInvalid, RequestError, ModelDoesNotFit.
        """
        source, card = await self._shelf.read(name)
        return self._choose(source, card, without(await self.look(), residents), wishes)

    async def load(
        self,
        name: ModelName,
        wishes: Wishes,
        *,
        rung_least: int,
        spawn: Callable[[ModelSource, LoadPlan], EngineProcess],
        on_rung: Callable[[int], None],
    ) -> Loaded:
        """A child that serves, in the memory that is free now.

        `spawn` starts a child, whose life the caller watches; `on_rung` is told each rung before
        it is tried. Raises: as `wish`, and EngineFailed when every rung failed.
        """
        source, card = await self._shelf.read(name)
        choice = self._choose(source, card, await self.look(), wishes)
        remembered = await self._rungs.of(identity(card))
        rung = max(remembered, rung_least)
        has_crashed = rung > remembered
        while True:
            on_rung(rung)
            process = spawn(choice.source, choice.on(rung))
            try:
                facts = await process.ready()
            except LoadFailed as failure:
                await process.ended.wait()
                if await self._was_the_device(choice.on(rung), failure):
                    # No fault of the plan, so nothing is learned for the model.
                    choice = self._choose(source, card, await self.look(), wishes)
                    continue
                has_crashed |= not failure.is_refusal
                rung = self._below(choice, rung, failure)
            else:
                break
        if choice.on(rung).gpu_layers and not facts.plan.gpu_layers and not self.allows_cpu:
            # It was listed a moment ago, and the engine found no GPU: the processor in silence.
            process.kill(Ending(reason="found no GPU", is_ordered=True))
            await process.ended.wait()
            self.gpu_fell()
            raise _gone(source.name, "its engine found no GPU where one was listed")
        if has_crashed and rung != remembered:
            await self._rungs.remember(identity(card), rung, self._now())
        # Its pages were just read, so this is the cheap moment to check its content.
        self._shelf.check(name)
        return Loaded(process=process, facts=facts, choice=choice, rung=rung)

    async def _was_the_device(self, plan: LoadPlan, failure: LoadFailed) -> bool:
        """Whether a GPU, tried again after a crash on it, fails by itself, and is off now."""
        if failure.is_refusal or failure.ending.suspicion == "device" or not plan.gpu_layers:
            return False
        before = self._devices.pinned
        if not self._devices.doubt():
            return False
        await self.look()
        return self._devices.pinned != before

    def _choose(
        self, source: ModelSource, card: ModelCard, devices: Sequence[Device], wishes: Wishes
    ) -> Choice:
        """As `choose`. Raises: GpuGone where the choice would fall to the CPU in silence."""
        lost = self._roll.lost
        if not lost or self.allows_cpu:
            return choose(source, card, devices, wishes)
        try:
            choice: Choice | None = choose(source, card, devices, wishes)
        except ModelDoesNotFit:
            choice = None
        whole = choose(source, card, (*devices, *lost), wishes)
        if choice is not None and not falls_to_cpu(choice.plan, whole.plan):
            return choice
        names = ", ".join(device.description for device in lost)
        raise _gone(source.name, f"its GPU is gone ({names})")

    def _below(self, choice: Choice, rung: int, failure: LoadFailed) -> int:
        """The next rung to try. Raises: EngineFailed when there is none."""
        ending = failure.ending
        suspicion = "memory" if failure.is_refusal else ending.suspicion
        below = next_rung(choice.plan, rung, suspicion)
        name = choice.source.name
        if suspicion == "device":
            self.gpu_fell()
        log.warning(
            "load failed",
            extra={"model": name, "rung": rung, "next": below, "reason": ending.reason},
        )
        if below is not None:
            return below
        if failure.is_refusal:
            raise EngineFailed(f"{name} could not be loaded: {ending.reason}", remedy=ending.remedy)
        raise EngineFailed(
            f"{name} could not be loaded: its engine {ending.reason}", remedy=ending.remedy
        )


def _gone(name: str, why: str) -> GpuGone:
    return GpuGone(
        f"{name} is not loaded: {why}",
        remedy="It is loaded when the GPU is back. To run it on the processor meanwhile, set "
        "neighbour.allow_cpu_after_gpu_loss.",
    )
