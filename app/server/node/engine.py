"""Engine: one model's engine, whatever its life is at: the only holder of its child.

The life itself stands in NodeState, and every change of it goes through `publish` here. Which
engine is loaded or ended, and when, is decided by engines.py over all of them.

A child's life is the task `engine X`; a drain that must not last for ever, the task `unload X`.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import msgspec

from app.core.base.errors import AthanorError, Busy
from app.core.base.ids import ModelName
from app.core.models.ladder import next_rung
from app.core.models.plan import LoadPlan
from app.core.models.wishes import Wishes
from app.core.state.backoff import Backoff
from app.core.state.engine_life import EngineLife, Failed, Loading, Ready, Unloaded, Unloading
from app.core.state.events import (
    EngineDraining,
    EngineEnded,
    EngineEvent,
    EngineFell,
    EngineGauged,
    EngineProgressed,
    EngineReady,
    EngineStarted,
    EngineUsed,
)
from app.core.state.room import Footprint, Resident
from app.server.engine_child.engine_process import ChildLimits, EngineProcess, News
from app.server.engine_child.exit_words import Ending
from app.server.hardware.engine_program import EngineProgram
from app.server.node.bell import Bell
from app.server.node.hub import Hub
from app.server.node.loader import Loaded
from app.server.node.shown import engine_facts, engine_gauges
from app.wire.engine import Gauges, Start
from app.wire.model import ModelSource

log = logging.getLogger(__name__)

_CRASHES_BEFORE_SAFER: Final = 2
"""Of an engine that served, within the backoff's memory; one may be chance."""

OnWait = Callable[[EngineLife], None]
"""Called, on the event loop, each time the engine's life changes while a lease waits for it."""


@final
class EngineLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many, how long. Seconds."""

    loaded_max: int = 4
    keep_alive: float = 1800.0
    child: ChildLimits = ChildLimits()
    backoff: Backoff = Backoff()
    patience: float = 30.0
    """How long a load waits for busy engines to rest before they are drained for it."""
    drain: float = 600.0
    """A long answer on a slow machine; an engine that drains longer is ended."""
    stop: float = 2.0
    """An idle engine ends in a moment; the server's end must not wait for one that does not."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all engines of a node share."""

    hub: Hub
    program: EngineProgram
    limits: EngineLimits
    now: Callable[[], float]
    group: asyncio.TaskGroup
    bell: Bell
    """Rung at every change of any engine."""
    gpu_fell: Callable[[], None]
    """Called when an engine ended since its GPU went away."""
    gpu_doubted: Callable[[], None]
    """Called when an engine that served on a GPU ended for another reason."""


@final
class Engine:
    """One model's engine. Used by one event loop."""

    def __init__(self, house: House, name: ModelName) -> None:
        self._house = house
        self._backoff = house.limits.backoff
        self._loaded: Loaded | None = None
        self._keep_alive: float | None = None
        self._plan: LoadPlan | None = None
        self.name = name
        self.process: EngineProcess | None = None
        """The child, from its start until it has ended."""
        self.loading: asyncio.Task[AthanorError | None] | None = None
        """The last load; its result is None once the engine serves."""
        self.wishes: Wishes | None = None
        """The owner's for this load; None: the settings'."""
        self.rung = 0
        """That the engine runs on, or that the next load begins on after crashes."""
        self.leases = 0
        """Requests that hold the engine or wait for it."""
        self.listeners: list[OnWait] = []
        self.refusal: AthanorError | None = None
        """What those are told who waited for a load that was given up."""

    @property
    def life(self) -> EngineLife:
        """What NodeState says."""
        model = self._house.hub.state.models.get(self.name)
        return Unloaded() if model is None else model.life

    @property
    def needs(self) -> dict[str, int]:
        """Bytes that the child holds, by device, by the plan's estimate."""
        return self._loaded.choice.needs if self.process and self._loaded else {}

    @property
    def is_on_gpu(self) -> bool:
        """Whether the child holds GPU memory, or is about to, by its plan."""
        return bool(self.process and self._plan and self._plan.gpu_layers)

    @property
    def footprint(self) -> Footprint:
        """The same, summed up."""
        return self._loaded.choice.footprint if self.process and self._loaded else Footprint()

    def as_resident(self) -> Resident:
        """As `make_room` sees it; one that is ending anyway counts as busy until it is gone."""
        life = self.life
        is_resting = isinstance(life, Ready) and not self.leases
        return Resident(
            name=self.name,
            footprint=self.footprint,
            leases=0 if is_resting else max(1, self.leases),
            last_used=life.last_used if isinstance(life, Ready) else 0.0,
        )

    # --- leases ---

    def hold(self, keep_alive: float | None) -> None:
        """Count a lease: it keeps the engine loaded. `keep_alive` replaces the engine's own."""
        self.leases += 1
        if keep_alive is not None:
            self._keep_alive = keep_alive
        self._tell_use()

    def release(self) -> None:
        """A lease is over; keep-alive counts from now."""
        self.leases -= 1
        assert self.leases >= 0, "a lease ends once"
        self._tell_use()

    # --- changes of life ---

    def publish(self, event: EngineEvent) -> None:
        """Change NodeState, and tell all who wait."""
        self._house.hub.publish(event)
        life = self.life
        for listener in list(self.listeners):
            listener(life)
        self._house.bell.ring()

    def start(self, rung: int) -> None:
        """A load begins, or goes on with a safer plan."""
        self.publish(EngineStarted(model=self.name, at=self._house.now(), rung=rung))

    def spawn(self, source: ModelSource, plan: LoadPlan) -> EngineProcess:
        """A child that begins to load."""
        self._plan = plan
        process = self.process = EngineProcess(
            self._house.program,
            Start(source=source, plan=plan),
            on_news=self._hear,
            limits=self._house.limits.child,
        )
        self._house.group.create_task(self._watch(process), name=f"engine {self.name}")
        return process

    def serve(self, loaded: Loaded, *, keep_alive: float) -> None:
        """The load has succeeded. `keep_alive` holds where no request asked for another."""
        self._loaded, self.rung = loaded, loaded.rung
        self.publish(
            EngineReady(
                model=self.name,
                at=self._house.now(),
                facts=engine_facts(loaded),
                keep_alive=keep_alive if self._keep_alive is None else self._keep_alive,
            )
        )
        self._tell_use()
        if loaded.process.ending is not None:
            # It fell between its last word and this one, when `_watch` took it to be loading.
            self.fall(loaded.process.ending)

    def drain(self) -> None:
        """A ready engine takes no more, finishes what runs and ends."""
        process = self.process
        assert process is not None
        self.publish(EngineDraining(model=self.name, at=self._house.now()))
        process.drain()
        self._house.group.create_task(self._bound_drain(process), name=f"unload {self.name}")

    async def end_now(self, refusal: AthanorError) -> None:
        """The child of a ready or unloading engine is gone; its requests are told `refusal`."""
        process = self.process
        assert process is not None
        if isinstance(self.life, Ready):
            self.publish(EngineDraining(model=self.name, at=self._house.now()))
        process.kill(Ending(reason="was ended to free memory", is_ordered=True), refusal)
        while self.process is process:
            await self._house.bell.wait()

    def renew(self) -> None:
        """A ready engine is ended, and started again by itself."""
        assert self.process is not None
        self.process.kill(Ending(reason="was ended since the computer had slept", is_ordered=True))

    async def end_child(self) -> None:
        """Whatever child there is, is gone."""
        if (process := self.process) is not None:
            process.kill(Ending(reason="was not wanted any more"))
            await process.ended.wait()

    def fall(self, ending: Ending) -> None:
        """The engine failed. When it may be tried again, and by which plan, is decided here."""
        now = self._house.now()
        was_ready = isinstance(self.life, Ready)
        self._backoff = self._backoff.failed(self.name, now)
        failures = self._backoff.failures(self.name)
        if ending.suspicion == "device":
            self._house.gpu_fell()
        elif was_ready and not ending.is_ordered and self._plan and self._plan.gpu_layers:
            self._house.gpu_doubted()
        is_suspect = was_ready and not ending.is_ordered and failures >= _CRASHES_BEFORE_SAFER
        if is_suspect and self._loaded is not None:
            below = next_rung(self._loaded.choice.plan, self.rung, ending.suspicion)
            self.rung = self.rung if below is None else below
        self._tell_fall(ending, retry_at=self._backoff.retry_at(self.name), failures=failures)

    def refuse(self, error: AthanorError) -> None:
        """The load is impossible as things stand; finding that out again is cheap."""
        ending = Ending(reason=error.message, remedy=error.remedy)
        self._tell_fall(ending, retry_at=self._house.now(), failures=1)

    def forget(self) -> None:
        """The engine is gone as it was wished, and with it what it was loaded by."""
        self._loaded = self.wishes = self._keep_alive = None
        self._backoff = self._house.limits.backoff
        self.rung = 0
        if not isinstance(self.life, Unloaded):
            self.publish(EngineEnded(model=self.name))

    def not_yet(self, failed: Failed) -> Busy:
        """What a request is told while the backoff lasts."""
        seconds = max(1, math.ceil(failed.retry_at - self._house.now()))
        return Busy(
            f"the engine of {self.name} failed {failed.failures} times; it is tried again in "
            f"{seconds} s ({failed.reason})",
            retry_after_seconds=seconds,
            remedy=failed.remedy,
        )

    # --- the child ---

    async def _watch(self, process: EngineProcess) -> None:
        try:
            ending = await process.run()
        except Exception:
            # Root of the child's tasks: a fault in the care of one engine ends that engine, which
            # `run` has killed by now, and not the node with all the others.
            log.exception("fault in the care of an engine", extra={"model": self.name})
            ending = Ending(reason="was ended by a fault of the server; the log says more")
        self.process = None
        match self.life:
            case Ready():
                self.fall(ending)
            case Unloading():
                self.forget()
            case _:
                # Whoever loads it has been told by the child's own future.
                self._house.bell.ring()

    async def _bound_drain(self, process: EngineProcess) -> None:
        seconds = self._house.limits.drain
        try:
            async with asyncio.timeout(seconds):
                await process.ended.wait()
        except TimeoutError:
            process.kill(Ending(reason=f"did not finish its answers within {seconds:g} s"))

    def _hear(self, news: News) -> None:
        life = self.life
        if isinstance(news, Gauges):
            if isinstance(life, Ready):
                self.publish(EngineGauged(model=self.name, gauges=engine_gauges(news)))
        elif isinstance(life, Loading):
            self.publish(
                EngineProgressed(model=self.name, stage=news.stage, fraction=news.fraction)
            )

    def _tell_use(self) -> None:
        if isinstance(self.life, Ready):
            self.publish(
                EngineUsed(
                    model=self.name,
                    at=self._house.now(),
                    leases=self.leases,
                    keep_alive=self._keep_alive,
                )
            )

    def _tell_fall(self, ending: Ending, *, retry_at: float, failures: int) -> None:
        self.publish(
            EngineFell(
                model=self.name,
                at=self._house.now(),
                reason=ending.reason,
                remedy=ending.remedy,
                retry_at=retry_at,
                failures=failures,
            )
        )
