"""Loader: from a model's name to a child that serves, by the best plan that does not crash.

A child that crashes, hangs or refuses while it loads is followed by one with a safer plan, down
the ladder of core/models. What a crash taught is remembered for the model, so that it is not
learned again; a refusal (memory that was short today) is not.
"""

import logging
from collections.abc import Callable, Iterable
from typing import final

import msgspec

from app.core.base.errors import EngineFailed
from app.core.base.ids import ModelName
from app.core.models.ladder import next_rung
from app.core.models.plan import LoadPlan
from app.core.models.wishes import Wishes
from app.core.state.events import DevicesSeen, NoticeCleared, NoticeRaised
from app.core.state.node_state import Device
from app.server.hardware.devices import Devices
from app.server.node.engine_process import EngineProcess, LoadFailed
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
    ) -> None:
        self._shelf = shelf
        self._devices = devices
        self._rungs = rungs
        self._hub = hub
        self._now = now

    async def look(self) -> tuple[Device, ...]:
        """The devices as they are now; the state shows them from now on."""
        devices = await self._devices.now()
        self._hub.publish(DevicesSeen(devices=devices))
        if self._devices.notice is not None:
            self._hub.publish(NoticeRaised(notice=self._devices.notice))
        elif any(notice.key == "devices" for notice in self._hub.state.notices):
            self._hub.publish(NoticeCleared(key="devices"))
        return devices

    async def wish(self, name: ModelName, wishes: Wishes, residents: Iterable[Bytes]) -> Choice:
        """How the model would be loaded if the residents gave their memory back.

        Raises: ModelNotFound, ModelFileInvalid, RequestError, ModelDoesNotFit.
        """
        source, card = await self._shelf.read(name)
        return choose(source, card, without(await self.look(), residents), wishes)

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
        choice = choose(source, card, await self.look(), wishes)
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
                has_crashed |= not failure.is_refusal
                rung = self._below(choice, rung, failure)
            else:
                break
        if has_crashed and rung != remembered:
            await self._rungs.remember(identity(card), rung, self._now())
        return Loaded(process=process, facts=facts, choice=choice, rung=rung)

    def _below(self, choice: Choice, rung: int, failure: LoadFailed) -> int:
        """The next rung to try. Raises: EngineFailed when there is none."""
        ending = failure.ending
        suspicion = "memory" if failure.is_refusal else ending.suspicion
        below = next_rung(choice.plan, rung, suspicion)
        name = choice.source.name
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
