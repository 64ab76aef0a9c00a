"""Neighbour: keeps this node a good neighbour of the other programs on its machine.

It looks around once a second or so while an engine is loaded, lets core/sharing decide, and does
what the verdict says: when a program that always wins starts, engines on GPUs end at once; under
pressure those that nobody uses do. What the owner loads by hand afterwards stays: only a new reason
ends it. The lending verdict is for the pool to follow.

Names of programs are in the state, for the owner's faces; they are never logged.
"""

import asyncio
import contextlib
import logging
import math
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, final

from msgspec.structs import replace

from app.core.base.errors import Paused
from app.core.base.ids import ModelName
from app.core.models.gpu_loss import GPUS
from app.core.sharing.facts import Facts, GpuFacts, Orders
from app.core.sharing.policy import Decision, Verdict, decide
from app.core.sharing.reasons import Reason
from app.core.sharing.rules import Rules
from app.core.sharing.table import MEMORY
from app.core.sharing.words import refusal_words
from app.core.state.engine_life import Loading, Ready, Unloading
from app.core.state.events import VerdictChanged
from app.core.state.node_state import Neighbour as NeighbourState
from app.core.state.view import memory_name
from app.server.hardware.devices import Devices
from app.server.hardware.surroundings.look import Lookout, Surroundings
from app.server.node.engine import Engine
from app.server.node.engines import Engines
from app.server.node.freeing import Freed, Freeing
from app.server.node.gpu_facts import GpuLedger, Ours
from app.server.node.gpu_return import GpuReturn
from app.server.node.hub import Hub
from app.server.node.loader import Loader

log = logging.getLogger(__name__)

WATCHFUL_SECONDS: Final = 1.0
"""Between two looks while an engine is loaded: a game must not wait."""
IDLE_SECONDS: Final = 10.0
"""While nothing is loaded and nothing lent there is nothing to give back."""
_REST_SECONDS_MIN: Final = 0.2
RETRY_SECONDS_MAX: Final = 300

_FREES: Final = {row.reason for row in MEMORY if row.does == "free"} - {Reason.USER_REQ}
"""An order is carried out by `free` itself."""
_SPARES: Final = {row.reason for row in MEMORY if row.does == "spare"}


@final
class Neighbour:
    """Used by one event loop. `orders` of the owner come in by `free`, `snooze` and `resume`."""

    def __init__(
        self,
        *,
        hub: Hub,
        engines: Engines,
        devices: Devices,
        loader: Loader,
        lookout: Lookout,
        rules: Rules,
        frees_ram: bool,
        hold_seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._engines = engines
        self._devices = devices
        self._loader = loader
        self._lookout = lookout
        self._rules = rules
        self._frees_ram = frees_ram
        self._hold_seconds = hold_seconds
        self._now = now
        self._started_at = now()
        self._freeing = Freeing(hub=hub, engines=engines, devices=devices)
        self._ledger = GpuLedger()
        self._orders = Orders()
        self._decision: Decision | None = None
        self._wake = asyncio.Event()
        self._gpu_return = GpuReturn(hub=hub, loader=loader, now=now)
        self._acted: set[Reason] = set()
        """Reasons for which memory was freed already."""
        self._by_hand: set[ModelName] = set()
        """Models that the owner loaded while a reason held."""
        self.facts = Facts()
        """As they were at the last look."""
        self.on_slept: Callable[[], Awaitable[None]] = _nobody_listens
        """Called after a look that shows that the computer slept since the one before."""
        engines.paused = self.paused
        engines.ordered = self._loaded_by_hand

    @property
    def verdict(self) -> Verdict:
        """The last one; nothing is freed or lent before the first look."""
        return self._decision.verdict if self._decision else Verdict()

    # --- what the owner orders ---

    def use(
        self, rules: Rules, *, exclusive: Collection[str], frees_ram: bool, hold_seconds: float
    ) -> None:
        """Go by these settings from now on."""
        self._rules, self._frees_ram, self._hold_seconds = rules, frees_ram, hold_seconds
        self._lookout.watch_for(exclusive)
        self._decide(self.facts)
        self._wake.set()

    async def free(self, *, everything: bool, hold_seconds: float | None = None) -> Freed:
        """Engines with GPU memory, or all, are gone; for a while no request takes it again."""
        hold = self._hold_seconds if hold_seconds is None else hold_seconds
        self._order(replace(self._orders, held_until=self._now() + hold if hold > 0 else None))
        refusal = self.paused() or Paused(f"{self._memory()} was freed", retry_after_seconds=1)
        among = await self._among(everything=everything, unused_only=False)
        return await self._freeing.free(among, refusal)

    def snooze(self, seconds: float, *, is_finishing: bool = False) -> None:
        """No lending for so long; 0 ends a snooze."""
        until = self._now() + seconds if seconds > 0 else None
        self._order(replace(self._orders, snoozed_until=until, is_finishing=is_finishing))

    def resume(self) -> None:
        """Orders to free and to snooze are over."""
        self._order(Orders())

    def paused(self) -> Paused | None:
        """Why no request may load a model now; None when it may."""
        verdict = self.verdict
        if not verdict.refuses_loads:
            return None
        now = self._now()
        cause = verdict.memory_causes[0]
        left = cause.lasts_seconds if cause.resumes_at is None else cause.resumes_at - now
        return Paused(
            refusal_words(verdict.memory_causes, now, memory=self._memory()),
            retry_after_seconds=min(max(1, math.ceil(left)), RETRY_SECONDS_MAX),
            remedy="The owner of this machine can load it all the same: `athanor load`.",
        )

    def _memory(self) -> str:
        return memory_name(device.kind for device in self._hub.state.devices)

    def _loaded_by_hand(self, name: ModelName) -> None:
        """The owner wants GPU memory used again."""
        self._by_hand.add(name)
        if self._orders.held_until is not None:
            self._order(replace(self._orders, held_until=None))

    def _order(self, orders: Orders) -> None:
        self._orders = orders
        self._decide(replace(self.facts, orders=orders))
        self._wake.set()

    # --- the watch ---

    async def keep_watch(self) -> None:
        """Runs until it is cancelled."""
        try:
            while True:
                await self.look()
                await self._rest()
        finally:
            self._lookout.close()

    async def look(self) -> None:
        """One look around, and what follows from it."""
        ours = _ours(self._engines.holding(lambda _: True))
        seen = await asyncio.to_thread(self._lookout.look, (*ours.pids, os.getpid()))
        if seen.slept_seconds:
            log.info("the computer slept", extra={"seconds": round(seen.slept_seconds)})
            await self._loader.look_anew()
            self._engines.renew_on_gpu()
            await self.on_slept()
        gpus = self._ledger.facts(await self._devices.watched(), ours)
        await self._gpu_return.look(gpus)
        await self._follow(self._decide(self._facts(seen, gpus)))

    def look_soon(self) -> None:
        """Look around again at once."""
        self._wake.set()

    async def _rest(self) -> None:
        """Until the next look is due, or something calls for it."""
        state = self._hub.state
        is_watchful = any(state.engines()) or self._rules.mode != "off" or state.lost_gpus
        seconds = WATCHFUL_SECONDS if is_watchful else IDLE_SECONDS
        ends = self._decision.look_again_at if self._decision else None
        if ends is not None:
            seconds = min(seconds, max(_REST_SECONDS_MIN, ends - self._now()))
        until = self._now() + seconds
        while (left := until - self._now()) > 0 and not self._wake.is_set():
            if is_watchful:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._wake.wait()
            else:
                await self._hub.bell.wait(left)
                if any(self._hub.state.engines()):
                    break
        self._wake.clear()

    def _orders_now(self) -> Orders:
        """The orders without those whose time is over."""
        now, orders = self._now(), self._orders
        if orders.held_until is not None and orders.held_until <= now:
            orders = replace(orders, held_until=None)
        if orders.snoozed_until is not None and orders.snoozed_until <= now:
            orders = replace(orders, snoozed_until=None, is_finishing=False)
        self._orders = orders
        return orders

    def _facts(self, seen: Surroundings, gpus: tuple[GpuFacts, ...]) -> Facts:
        state = self._hub.state
        return Facts(
            seconds_since_input=seen.seconds_since_input,
            full_screen=seen.full_screen,
            exclusive_programs=seen.exclusive_programs,
            on_battery=seen.on_battery,
            battery_percent=seen.battery_percent,
            is_metered=seen.is_metered,
            gpus=gpus,
            lost_gpus=state.lost_gpus,
            minute_of_week=seen.minute_of_week,
            owner_requests=state.own_requests(),
            seconds_since_start=self._now() - self._started_at,
            orders=self._orders_now(),
        )

    def _decide(self, facts: Facts) -> Verdict:
        """The verdict of these facts; the state shows it, if it says something new."""
        self.facts = facts
        self._decision = decide(facts, self._rules, self._decision, self._now())
        verdict, shown = self._decision.verdict, self._hub.state.neighbour
        is_known = shown.mode == self._rules.mode and shown.orders == facts.orders
        if not (is_known and shown.since and verdict.says_as(shown.verdict)):
            neighbour = NeighbourState(
                verdict=verdict, since=self._now(), orders=facts.orders, mode=self._rules.mode
            )
            self._hub.publish(VerdictChanged(neighbour=neighbour))
        return verdict

    async def _follow(self, verdict: Verdict) -> None:
        """Free what the verdict wants freed: once for a reason, and what is left unused."""
        acting = {cause.reason for cause in verdict.memory_causes if not cause.is_over}
        new, self._acted = (acting & _FREES) - self._acted, acting & _FREES
        if not verdict.memory_causes:
            self._by_hand.clear()
        if new:
            self._by_hand.clear()
            await self._give_back(verdict, unused_only=False)
        elif acting & _SPARES:
            await self._give_back(verdict, unused_only=True)

    async def _give_back(self, verdict: Verdict, *, unused_only: bool) -> None:
        among = await self._among(everything=self._frees_ram, unused_only=unused_only)
        if not self._engines.holding(among):
            return
        words = [cause.reason.word for cause in verdict.memory_causes]
        log.info("giving memory back", extra={"reasons": " ".join(words)})
        refusal = self.paused() or Paused(
            refusal_words(verdict.memory_causes, self._now(), memory=self._memory()),
            retry_after_seconds=1,
        )
        await self._freeing.free(among, refusal)

    async def _among(self, *, everything: bool, unused_only: bool) -> Callable[[Engine], bool]:
        """Which engines are meant. A load that still waits for its turn counts as on a GPU."""
        holders = await self._freeing.holders()
        has_gpu = any(device.kind in GPUS for device in self._hub.state.devices)

        def is_meant(engine: Engine) -> bool:
            if unused_only and (engine.leases or engine.name in self._by_hand):
                return False
            if engine.process is None:
                return everything or has_gpu
            return everything or engine.is_on_gpu or engine.process.pid in holders

        return is_meant


async def _nobody_listens() -> None:
    """Nothing else follows from a sleep."""


def _ours(engines: Sequence[Engine]) -> Ours:
    planned: dict[str, int] = {}
    for engine in engines:
        for device, size in engine.needs.items():
            planned[device] = planned.get(device, 0) + size
    lives = [engine.life for engine in engines]
    return Ours(
        pids=tuple(engine.process.pid for engine in engines if engine.process is not None),
        planned_bytes=planned,
        is_computing=any(isinstance(life, Ready) and life.gauges.running for life in lives),
        is_changing=any(isinstance(life, Loading | Unloading) for life in lives),
    )
