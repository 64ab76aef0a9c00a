"""Runtimes: what the owner does with back ends: look, install, use, test, remove.

One order at a time, carried out beside the caller, who follows it by the picture's number. A pack
is used only after a trial in a child of its own has passed with it; where that fails nothing is
changed, and the reason is told.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, final

from app.core.base.errors import AthanorError, Busy, EngineFailed, RemoteNotFound
from app.core.runtime.backends import words_of
from app.core.runtime.packs import Hardware, Pack, newest, why_not
from app.core.runtime.record import (
    AUTO,
    PROCESSOR,
    RuntimeRecord,
    closed_by_a_driver,
    wished,
    without_proofs,
)
from app.core.state.events import NoticeCleared, NoticeRaised
from app.core.state.node_state import Notice
from app.core.state.view import size
from app.server.node.bell import Bell
from app.server.node.hub import Hub
from app.server.node.runtimes.fetching import Fetching, Listed
from app.server.node.runtimes.prover import Prover
from app.server.node.runtimes.shown import Shown, picture_of
from app.server.node.runtimes.store import Store
from app.server.node.runtimes.tryout import Tryout
from app.wire.runtime import BackendReport, RuntimePicture

log = logging.getLogger(__name__)

BACK: Final = "back"
"""Names the wish before."""
ORDER: Final = "runtime-order"
TELL_SECONDS: Final = 0.5
_BUSY_SECONDS: Final = 10

_CHANGES: Final = {
    AUTO: "choosing what is best",
    PROCESSOR: "changing over to the processor",
}
"""Orders that need no trial."""

HardwareOf = Callable[[str], Hardware]
"""What the machine has, for this build of llama.cpp; blocks for some milliseconds."""


@final
class Runtimes:
    """Used by one event loop. Orders are tasks of `group`; `close` ends the one under way."""

    def __init__(
        self,
        *,
        store: Store,
        prover: Prover,
        fetching: Fetching,
        hardware_of: HardwareOf,
        look_anew: Callable[[], Awaitable[object]],
        hub: Hub,
        group: asyncio.TaskGroup,
    ) -> None:
        """`look_anew` has the devices listed again, after what engines load has changed."""
        self._hub = hub
        self._told_at = float("-inf")
        self._kept: RuntimePicture | None = None
        self._store = store
        self._prover = prover
        self._fetching = fetching
        self._hardware_of = hardware_of
        self._look_anew = look_anew
        self._report: BackendReport | None = None
        self._hardware: Hardware | None = None
        self._bell = Bell()
        self._number = 0
        self._plans = 0
        self._shown = Shown()
        self._group = group
        self._task: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        prover.on_change = self._changed

    def close(self) -> None:
        """End the order under way; what has arrived stays."""
        for task in (self._renewal, self._task):
            if task is not None:
                task.cancel()

    # --- what others see ---

    async def picture(self, after: int = -1, *, seconds_max: float = 0.0) -> RuntimePicture:
        """How things are; with `after` as soon as there is a newer number, at the latest then.

        Raises: EngineFailed where the engine does not start.
        """
        if self._number <= after:
            await self._bell.wait(seconds_max)
        plans = await self._prover.refreshed()
        if plans != self._plans:
            # What engines find has changed, with or without an order.
            self._plans, self._report = plans, None
            self._number += 1
        report, hardware = await self._known()
        if self._kept is not None and self._kept.number == self._number:
            return self._kept
        number = self._number
        offered = await asyncio.to_thread(self._fetching.kept)
        installed = await asyncio.to_thread(self._store.installed)
        self._kept = picture_of(
            self._shown,
            report=report,
            hardware=hardware,
            record=self._store.record,
            offered=offered.manifest.packs if isinstance(offered, Listed) else None,
            installed=installed,
            faults=await asyncio.to_thread(self._store.faults),
            place=self._fetching.place,
            trouble=self._fetching.trouble,
            number=number,
        )
        return self._kept

    async def look(self) -> None:
        """Asks for the list of packs now. Raises: as Fetching.look."""
        await self._fetching.look()
        self._changed()

    # --- orders ---

    async def install(self, name: str) -> None:
        """Begins to bring a pack: by its id, or by its name the newest.

        Raises: RemoteNotFound; as Fetching.newest.
        """
        pack, listed = await self._offered(name)
        words = f"installing {pack.title}{_by_an_old_list(listed)}"
        self._begin(words, pack.id, self._install(pack, listed))

    async def use(self, name: str) -> None:
        """Begins to make engines load this pack: its id, `auto`, `cpu`, a back end, or `back`.

        Raises: RemoteNotFound.
        """
        report, _ = await self._known()
        if name == BACK:
            name = self._store.record.previous or AUTO
        pack = self._find_installed(name)
        inside = {module.backend for module in report.modules if not module.pack}
        if pack is None and name not in {AUTO, PROCESSOR, *inside}:
            raise RemoteNotFound(
                f"there is no runtime {name} here",
                remedy="`athanor runtime list` shows which there are.",
            )
        words = _CHANGES.get(name, f"trying {pack.title if pack else words_of(name)}")
        name = pack.id if pack else name
        self._begin(words, name, self._use(name, pack))

    async def test(self, name: str) -> None:
        """Begins to try every GPU under this pack or back end anew. Raises: RemoteNotFound."""
        pack = self._find_installed(name)
        report, _ = await self._known()
        if pack is None and name not in {module.backend for module in report.modules}:
            raise RemoteNotFound(
                f"there is no runtime {name} here",
                remedy="`athanor runtime list` shows which there are.",
            )
        title = pack.title if pack else words_of(name)
        self._begin(f"trying {title}", pack.id if pack else name, self._test(name, pack, title))

    async def remove(self, name: str) -> None:
        """Begins to delete an installed pack. Raises: RemoteNotFound."""
        pack = self._find_installed(name)
        if pack is None:
            raise RemoteNotFound(f"no pack {name} is installed")
        self._begin(f"removing {pack.title}", pack.id, self._remove(pack))

    # --- by itself ---

    def start(self) -> None:
        """Begins what is done without an order, once."""
        self._renewal = self._group.create_task(self.renew(), name="runtimes under a new driver")

    async def renew(self) -> None:
        """Tries what failed under another driver than is there now, and is opened by no engine."""
        record = self._store.record
        if record.wish == PROCESSOR or all(proof.is_good for proof in record.proofs):
            return
        try:
            report, _ = await self._known()
        except EngineFailed as error:
            log.warning("nothing is tried under a new driver", extra={"reason": error.message})
            return
        drivers = await self._prover.drivers()
        for backend, name in closed_by_a_driver(record, drivers, build=report.build):
            pack = await asyncio.to_thread(self._find_installed, name) if name else None
            if (name and pack is None) or (self._task is not None and not self._task.done()):
                # An order of the owner goes before; there is a start after this one.
                continue
            title = pack.title if pack else words_of(backend)
            work = self._test(name or backend, pack, title)
            order = self._begin(f"trying {title} with another driver", name or backend, work)
            await asyncio.wait({order})

    # --- carried out ---

    def _begin(self, words: str, pack: str, work: Awaitable[str]) -> asyncio.Task[None]:
        if self._task is not None and not self._task.done():
            if asyncio.iscoroutine(work):
                work.close()
            raise Busy(
                f"one thing after the other: {self._shown.working_on} is under way",
                retry_after_seconds=_BUSY_SECONDS,
            )
        self._shown = Shown(working_on=words, pack=pack)
        self._tell(words)
        self._changed()
        self._task = self._group.create_task(self._carry_out(work), name=f"runtime {pack}")
        return self._task

    async def _carry_out(self, work: Awaitable[str]) -> None:
        """Root of an order: whatever comes of it is shown, and ends nothing else."""
        pack = self._shown.pack
        try:
            self._shown = Shown(pack=pack, told=await work)
        except (AthanorError, OSError, ValueError, TimeoutError) as error:
            remedy = getattr(error, "remedy", "")
            told = f"{error}. {remedy}" if remedy else f"{error}."
            log.warning("an order about a runtime failed", extra={"reason": str(error)})
            self._shown = Shown(pack=pack, told=told[0].upper() + told[1:], has_failed=True)
        finally:
            self._hub.publish(NoticeCleared(key=ORDER))
        self._changed()

    async def _install(self, pack: Pack, listed: Listed) -> str:
        await self._fetching.bring(pack, lambda done: self._arrived(pack, done))
        self._shown = Shown(working_on=f"unpacking {pack.title}", pack=pack.id)
        self._changed()
        await asyncio.to_thread(self._store.install, pack, listed.raw)
        await asyncio.to_thread(self._store.renew_plan)
        self._changed()
        try:
            told = await self._try(pack.title, pack, self._store.record)
        except EngineFailed as error:
            raise EngineFailed(error.message, remedy=_kept(pack, error.remedy)) from None
        await self._settled()
        what = f"{pack.title} {pack.version} is installed{_by_an_old_list(listed)}"
        return f"{what}. {told}"

    async def _use(self, name: str, pack: Pack | None) -> str:
        record = wished(self._store.record, name)
        if pack is not None:
            await asyncio.to_thread(self._store.check, pack)
        told = ""
        if name not in {AUTO, PROCESSOR}:
            told = await self._try(pack.title if pack else words_of(name), pack, record, name=name)
        await asyncio.to_thread(self._store.change, lambda now: wished(now, name))
        await self._settled()
        return f"{told} Models that load from now on use it.".strip()

    async def _test(self, name: str, pack: Pack | None, title: str) -> str:
        if pack is not None:
            await asyncio.to_thread(self._store.check, pack)
        wish = RuntimeRecord(wish=pack.id if pack else name)
        if name == PROCESSOR:
            return "The processor is what the others are compared with."
        told = await self._try(title, pack, wish, name=name)
        await self._settled()
        return told

    async def _remove(self, pack: Pack) -> str:
        def without_it(record: RuntimeRecord) -> RuntimeRecord:
            if record.wish == pack.id:
                record = wished(record, AUTO)
            pairs = [proof.pair for proof in record.proofs if proof.pair.pack == pack.id]
            return without_proofs(record, pairs)

        await asyncio.to_thread(self._store.remove, pack.id)
        await asyncio.to_thread(self._store.change, without_it)
        await self._settled()
        return f"{pack.title} {pack.version} is removed."

    async def _try(
        self, title: str, pack: Pack | None, record: RuntimeRecord, *, name: str = ""
    ) -> str:
        """As `Tryout.made`. Where nothing passed the devices follow; else the caller sees to it."""
        report, _ = await self._known()
        tryout = Tryout(
            self._store,
            self._prover,
            title=title,
            backend=pack.backend if pack else name,
            pack=pack,
            build=report.build,
        )
        try:
            return await tryout.made(record)
        except EngineFailed:
            # What failed is off from now on, whatever else the order would have changed.
            await self._settled()
            raise

    async def _settled(self) -> None:
        """Devices and what is known of them follow a change of what engines load."""
        self._report = None
        await self._look_anew()
        self._changed()

    def _arrived(self, pack: Pack, done_bytes: int) -> None:
        if time.monotonic() - self._told_at < TELL_SECONDS:
            return
        words = self._shown.working_on
        self._shown = Shown(working_on=words, pack=pack.id, done_bytes=done_bytes)
        self._tell(f"{words}: {size(done_bytes)} of {size(pack.download_bytes)}")
        self._changed()

    def _tell(self, words: str) -> None:
        """Every face shows what is under way."""
        self._told_at = time.monotonic()
        message = f"{words[0].upper()}{words[1:]}."
        notice = Notice(key=ORDER, severity="info", message=message)
        self._hub.publish(NoticeRaised(notice=notice))

    # --- parts ---

    def _changed(self) -> None:
        self._number += 1
        self._bell.ring()

    async def _known(self) -> tuple[BackendReport, Hardware]:
        if self._report is None or self._hardware is None:
            try:
                self._report = await self._prover.report()
            except (OSError, TimeoutError, ValueError) as error:
                raise EngineFailed(
                    f"the engine does not tell its back ends ({error})",
                    remedy="Run `athanor doctor`.",
                ) from None
            self._hardware = await asyncio.to_thread(self._hardware_of, self._report.build)
        return self._report, self._hardware

    async def _offered(self, name: str) -> tuple[Pack, Listed]:
        """The pack that is meant, and the list that has it now."""
        report, hardware = await self._known()
        if not report.is_modular:
            raise RemoteNotFound(
                "llama.cpp was built here with its back ends linked in, which packs cannot change",
                remedy="Use the program's own bundle, or build with the back end you want "
                "(docs/install.md).",
            )
        listed = await self._fetching.newest()
        self._changed()
        pack = _meant(listed.manifest.packs, hardware, name)
        if pack is None:
            raise RemoteNotFound(
                f"the publisher has no pack {name} for this system and version",
                remedy="`athanor runtime list --look` shows which there are.",
            )
        reason = why_not(pack, hardware)
        if reason:
            raise RemoteNotFound(f"{pack.title} is of no use here: {reason}")
        return pack, listed

    def _find_installed(self, name: str) -> Pack | None:
        found = self._store.installed()
        return next((pack for pack in found if name in {pack.id, pack.name}), None)


def _by_an_old_list(listed: Listed) -> str:
    """For the owner, where the publisher was not heard; else nothing."""
    if not listed.is_kept:
        return ""
    day = time.strftime("%Y-%m-%d", time.gmtime(listed.manifest.issued_at))
    return f" (by the list of {day}, since its publisher cannot be reached)"


def _kept(pack: Pack, remedy: str) -> str:
    """What can be done with a pack that was installed and failed."""
    return (
        f"{remedy} It stays installed and is not used: `athanor runtime test {pack.id}` tries it "
        f"again, `athanor runtime remove {pack.id}` gives its {size(pack.installed_bytes)} back."
    ).lstrip()


def _meant(packs: tuple[Pack, ...], hardware: Hardware, name: str) -> Pack | None:
    named = next((pack for pack in packs if pack.id == name), None)
    return named or newest(packs, hardware).get(name)
