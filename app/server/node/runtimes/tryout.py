"""Tryout: a whole pack or back end, opened in a child and computed by on each GPU that it lists.

What ends or hangs the child that opens it is remembered as what fails on a GPU is: it is on no list
of devices, so nothing else would tell of it after a restart.
"""

from typing import Final, final

from app.core.base.errors import EngineFailed
from app.core.runtime.packs import Pack
from app.core.runtime.record import ModulePlan, RuntimeRecord, has_passed, plan_of, wished
from app.server.engine_child.exit_words import read_ending
from app.server.hardware.short_child import ChildFailed
from app.server.node.runtimes.prover import Prover
from app.server.node.runtimes.store import Store
from app.wire.runtime import BackendReport

_DRIVER: Final = "Install or update the graphics driver."


@final
class Tryout:
    """One pack, or one back end inside the program; `build` is that of llama.cpp."""

    def __init__(
        self,
        store: Store,
        prover: Prover,
        *,
        title: str,
        backend: str,
        pack: Pack | None,
        build: str,
    ) -> None:
        self._store = store
        self._prover = prover
        self._title = title
        self._backend = backend
        self._pack = pack
        self._build = build
        self._id = pack.id if pack else ""

    async def made(self, record: RuntimeRecord) -> str:
        """What every GPU came to, in a sentence.

        `record` carries the wish that it is made under. Raises: EngineFailed if none passed.
        """
        plan = self._plan(wished(record, self._id or self._backend))
        report = await self._opened(plan)
        gpus = [
            (device, device.pair)
            for device in report.devices
            if device.pair and (device.pair.pack, device.pair.backend) == (self._id, self._backend)
        ]
        if not gpus:
            await self._remember_unused("it finds no GPU")
            raise EngineFailed(f"{self._title} loads, and finds no GPU", remedy=_DRIVER)
        passed, reason = [], ""
        for device, pair in gpus:
            proof = await self._prover.prove(device.name, pair, plan)
            if proof.is_good:
                passed.append(device.description)
            else:
                reason = proof.reason
        if not passed:
            raise EngineFailed(f"{self._title} failed its trial: {reason}")
        return f"{self._title} passed its trial on {', '.join(passed)}."

    async def _opened(self, plan: ModulePlan) -> BackendReport:
        """What an engine finds that has opened it. Raises: EngineFailed where it does not open."""
        try:
            report = await self._prover.report(plan)
        except ChildFailed as error:
            ending = read_ending(error.status, error.lines)
            await self._remember(f"it {ending.reason} when it was opened")
            raise EngineFailed(
                f"{self._title} ends the engine when it is opened: it {ending.reason}",
                remedy=ending.remedy,
            ) from None
        except TimeoutError as error:
            await self._remember(f"it could not be opened ({error})")
            raise EngineFailed(
                f"{self._title} hangs when it is opened: {error}", remedy=_DRIVER
            ) from None
        await self._prover.lift(self._backend, self._id, self._build)
        mine = [
            module
            for module in report.modules
            if (module.backend, module.pack) == (self._backend, self._id)
        ]
        if not any(module.is_loaded for module in mine):
            reason = mine[0].reason if mine else "its module is missing"
            await self._remember_unused(f"it does not load: {reason}")
            raise EngineFailed(f"{self._title} does not load: {reason}")
        return report

    async def _remember(self, reason: str) -> None:
        await self._prover.refuse(self._backend, self._id, self._build, reason)

    async def _remember_unused(self, reason: str) -> None:
        """Of a pack that never computed: no engine opens it, so each start would say nothing.

        What is inside is opened at each start and tells then; a pack that has passed before is
        kept for the GPU that is away.
        """
        if self._pack is not None and not has_passed(self._store.record, self._id):
            await self._remember(reason)

    def _plan(self, record: RuntimeRecord) -> ModulePlan:
        """By the wish of the record, with the pack whatever is known of it, and every device."""
        plan = plan_of(record, self._store.folders())
        mine = [self._store.folder_of(self._pack)] if self._pack else []
        others = [each for each in plan.packs if not mine or each.backend != self._backend]
        return ModulePlan(
            packs=(*mine, *others), off=tuple(each for each in plan.off if each != self._backend)
        )
