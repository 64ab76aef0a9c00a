"""Prover: has each GPU under a module tried by a child, once, before a model is put there.

What came of it is remembered for the pair of device and back end of one pack, build and driver. One
that crashes, hangs or computes nonsense is pinned off, with the reason for the owner to read; the
next back end in the order of preference takes its place, in the end the processor.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Final, final

import msgspec
from msgspec.structs import replace

from app.core.models.plan import DeviceUse
from app.core.runtime.backends import OF_PROCESSOR, in_order, words_of
from app.core.runtime.record import (
    EVERY,
    GPUS,
    ModulePlan,
    Pair,
    Proof,
    driver_words,
    pins,
    untried,
    with_proof,
    without_proofs,
)
from app.core.state.events import NoticeCleared, NoticeRaised
from app.core.state.node_state import Notice
from app.server.engine_child.exit_words import read_ending
from app.server.hardware.engine_program import EngineProgram
from app.server.hardware.short_child import ChildFailed, answer_of
from app.server.node.hub import Hub
from app.server.node.runtimes.store import Store, remedy_of
from app.wire.runtime import PLAN_VARIABLE, BackendReport, TrialReport

log = logging.getLogger(__name__)

TRIAL_SECONDS_MAX: Final = 240.0
"""The first computation on a GPU compiles its shaders: 16 s were measured on a slow machine."""
REPORT_SECONDS_MAX: Final = 90.0
"""A virus scanner reads every library that is loaded for the first time."""

PINS: Final = "runtime-pins"
FAULTS: Final = "runtime-faults"
TRYING: Final = "runtime-trial"


@final
class Prover:
    """Used by one event loop. `program` starts engines."""

    def __init__(
        self,
        program: EngineProgram,
        store: Store,
        hub: Hub,
        now: Callable[[], float],
        *,
        seconds_max: float = TRIAL_SECONDS_MAX,
        report_seconds_max: float = REPORT_SECONDS_MAX,
    ) -> None:
        self._program = program
        self._store = store
        self._hub = hub
        self._now = now
        self._seconds_max = seconds_max
        self._report_seconds_max = report_seconds_max
        self._is_doubted = False
        self._drivers: dict[str, list[str]] | None = None
        self.pinned: frozenset[str] = frozenset()
        self.on_change: Callable[[], None] = lambda: None
        """Called when something was proved."""

    async def refreshed(self) -> int:
        """A number that rises with what engines are to load; packs are looked at as they lie now.

        Where one was changed, engines that start from here on do not open it.
        """
        try:
            await asyncio.to_thread(self._store.refresh)
        except OSError as error:
            # An engine itself opens no file that is another than the plan says.
            log.warning("the plan of modules cannot be written", extra={"reason": str(error)})
        self._tell_faults(await asyncio.to_thread(self._store.faults))
        return self._store.plans

    async def judge(self, listed: Sequence[DeviceUse]) -> bool:
        """Tries the listed GPUs that were never tried; True when the list is another now."""
        pairs = {device.name: device.pair for device in listed if device.pair is not None}
        is_doubted, self._is_doubted = self._is_doubted, False
        new = list(pairs.values()) if is_doubted else untried(self._store.record, pairs.values())
        damaged = await self._damaged({pair.pack for pair in new})
        has_failed = bool(damaged)
        for name, pair in pairs.items():
            if pair in new and pair.pack not in damaged:
                proof = await self.prove(name, pair)
                has_failed |= not proof.is_good
        self._tell_pins(listed)
        return has_failed

    def doubt(self) -> bool:
        """Every GPU that passed is to be tried anew: an engine has just crashed on one."""
        self._is_doubted = any(proof.is_good for proof in self._store.record.proofs)
        return self._is_doubted

    async def rescue(self) -> bool:
        """Finds the modules that end a process by being opened, and switches them off.

        True when there was one, so that devices can be listed without it.
        """
        everything = self._store.plan()
        try:
            base = await self.report(ModulePlan(off=(GPUS,)))
        except (OSError, TimeoutError, ValueError):
            return False  # not the GPUs' fault
        gpus = {module.backend for module in base.modules} - OF_PROCESSOR
        gpus |= {pack.backend for pack in everything.packs}
        damaged = await self._damaged({pack.pack for pack in everything.packs})
        has_found = bool(damaged)
        for backend, pack in [
            *((each.backend, each) for each in everything.packs if each.pack not in damaged),
            *((backend, None) for backend in in_order(gpus) if backend not in everything.off),
        ]:
            plan = ModulePlan(packs=(pack,) if pack else (), off=tuple(sorted(gpus - {backend})))
            try:
                await self.report(plan)
            except ChildFailed as error:
                reason = f"it {read_ending(error.status, error.lines).reason} when it was opened"
            except (OSError, TimeoutError, ValueError) as error:
                reason = f"it could not be opened ({error})"
            else:
                continue
            await self.refuse(backend, pack.pack if pack else "", base.build, reason)
            has_found = True
        return has_found

    async def _damaged(self, packs: Set[str]) -> set[str]:
        """Those of these packs that are not what was signed, all of whose files are read now.

        Before a trial, since a disk can spoil a file that looks the same: what is computed by it
        would be held against the GPU.
        """
        found = set()
        for pack in packs - {""}:
            if await asyncio.to_thread(self._store.is_damaged, pack):
                found.add(pack)
        if found:
            await self.refreshed()
        return found

    async def prove(self, name: str, pair: Pair, plan: ModulePlan | None = None) -> Proof:
        """Tries the GPU that ggml calls `name`, and remembers what came of it."""
        what = f"{words_of(pair.backend)} on {pair.device}"
        self._hub.publish(
            NoticeRaised(
                notice=Notice(
                    key=TRYING,
                    severity="info",
                    message=f"Trying {what}; the first time that may take a minute.",
                )
            )
        )
        try:
            proof = await self._tried(name, pair, plan)
        finally:
            self._hub.publish(NoticeCleared(key=TRYING))
        level = logging.INFO if proof.is_good else logging.ERROR
        log.log(
            level,
            "a device was tried",
            extra={
                "device": pair.device,
                "backend": pair.backend,
                "is_good": proof.is_good,
                "reason": proof.reason,
                "seconds": round(proof.seconds, 1),
            },
        )
        await self._remember(proof)
        return proof

    async def refuse(self, backend: str, pack: str, build: str, reason: str) -> None:
        """Remembers that a module cannot be used at all, on whatever GPU."""
        driver = driver_words((await self.drivers()).get(backend, ()))
        pair = Pair(device=EVERY, backend=backend, pack=pack, build=build, driver=driver)
        await self._remember(self._proof(pair, reason))

    async def lift(self, backend: str, pack: str, build: str) -> None:
        """Forgets that a module cannot be used at all: it has just been opened."""
        pair = Pair(device=EVERY, backend=backend, pack=pack, build=build)
        if without_proofs(self._store.record, [pair]) != self._store.record:
            await asyncio.to_thread(self._store.change, lambda now: without_proofs(now, [pair]))

    async def _remember(self, proof: Proof) -> None:
        await asyncio.to_thread(self._store.change, lambda record: with_proof(record, proof))
        self.on_change()

    async def _tried(self, name: str, pair: Pair, plan: ModulePlan | None) -> Proof:
        # Whatever is known of the pair must not keep the child from trying it.
        plan = plan or replace(self._store.plan(), avoided=(), only_proved=False)
        program = await self.with_plan("trial.json", plan)
        try:
            raw = await answer_of(program, "--trial", name, seconds_max=self._seconds_max)
            report = msgspec.json.decode(raw, type=TrialReport)
        except TimeoutError:
            return self._proof(pair, f"it did not answer within {self._seconds_max:g} s")
        except ChildFailed as error:
            return self._proof(pair, f"it {read_ending(error.status, error.lines).reason}")
        except (OSError, ValueError) as error:
            return self._proof(pair, f"the trial could not be made ({error})")
        if report.is_good:
            return replace(self._proof(pair, ""), is_good=True, seconds=report.seconds)
        return self._proof(pair, report.reason or "it gave no reason")

    def _proof(self, pair: Pair, reason: str) -> Proof:
        return Proof(pair=pair, is_good=False, at=self._now(), reason=reason)

    async def with_plan(self, name: str, plan: ModulePlan) -> EngineProgram:
        """A program whose engines go by this plan. Raises: OSError."""
        path = await asyncio.to_thread(self._store.write_plan, name, plan)
        environment = {**self._program.environment, PLAN_VARIABLE: str(path)}
        return replace(self._program, environment=environment)

    async def report(self, plan: ModulePlan | None = None) -> BackendReport:
        """What engines find, by the plan in force or another.

        Raises: OSError, TimeoutError, ValueError.
        """
        program = self._program if plan is None else await self.with_plan("report.json", plan)
        raw = await answer_of(program, "--backends", seconds_max=self._report_seconds_max)
        return msgspec.json.decode(raw, type=BackendReport)

    async def drivers(self) -> Mapping[str, Sequence[str]]:
        """By back end, the drivers of this machine; asked once, in a child that may crash by it."""
        if self._drivers is None:
            try:
                raw = await answer_of(
                    self._program, "--drivers", seconds_max=self._report_seconds_max
                )
                self._drivers = msgspec.json.decode(raw, type=dict[str, list[str]])
            except (OSError, TimeoutError, ValueError) as error:
                log.warning("drivers do not tell their versions", extra={"reason": str(error)})
                self._drivers = {}
        return self._drivers

    def _tell_faults(self, faults: Mapping[str, str]) -> None:
        """The owner reads which packs are not used since their files were changed."""
        if not faults:
            self._clear(FAULTS)
            return
        notice = Notice(
            key=FAULTS,
            severity="warning",
            message=f"Not used to compute by: {'; '.join(faults.values())}.",
            remedy=" ".join(map(remedy_of, faults)),
        )
        if notice not in self._hub.state.notices:
            log.error("packs are not what was installed", extra={"packs": list(faults)})
            self._hub.publish(NoticeRaised(notice=notice))

    def _clear(self, key: str) -> None:
        if any(notice.key == key for notice in self._hub.state.notices):
            self._hub.publish(NoticeCleared(key=key))

    def _tell_pins(self, listed: Sequence[DeviceUse]) -> None:
        """The owner reads why a GPU is not used, as long as that is so."""
        builds = {device.pair.build for device in listed if device.pair} or {
            proof.pair.build for proof in self._store.record.proofs[-1:]
        }
        found = [pin for build in builds for pin in pins(self._store.record, build=build)]
        self.pinned = frozenset(pin.pair.device for pin in found)
        if not found:
            self._clear(PINS)
            return
        words = "; ".join(
            f"{words_of(pin.pair.backend)} on {pin.pair.device}: {pin.reason}" for pin in found
        )
        names = dict.fromkeys(pin.pair.pack or pin.pair.backend for pin in found)
        commands = " and ".join(f"`athanor runtime test {name}`" for name in names)
        notice = Notice(
            key=PINS,
            severity="warning",
            message=f"Switched off after a trial: {words}.",
            remedy=f"Update the graphics driver, then try again with {commands}.",
        )
        if notice not in self._hub.state.notices:
            self._hub.publish(NoticeRaised(notice=notice))
