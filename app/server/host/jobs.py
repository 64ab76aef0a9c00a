"""Jobs: the shell around the pure job machine; it carries out effects and decides nothing.

    run = jobs.submit(request, caller)     the caller is told events, and the end once
    jobs.heard(device, frame)              a worker's frame about a job
    jobs.leave(job)                        the caller has gone

Every job is its `Job` in memory, its timer and its caller; prompts and answers are nowhere else.
What happens to one job is done one thing after the other, in the order in which it came. What
takes time (books, counting, signing) runs in a task of its own and comes back as a happening.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, assert_never, final

from msgspec.structs import replace

from app.core.base.errors import Busy, DiskFull, RequestConflict
from app.core.base.ids import DeviceId, JobId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.commands import Reserve, Void
from app.core.ledger.result import Outcome, Result
from app.core.ledger.work import Reported
from app.core.pool.jobs import money
from app.core.pool.jobs.effects import (
    ArmTimer,
    Book,
    CancelAttempt,
    Countersign,
    Deliver,
    Effect,
    End,
    FindWorker,
    LeaveQueue,
    Log,
    MeasureAttempt,
    Observe,
    ObserveCount,
    Record,
    SendOffer,
)
from app.core.pool.jobs.happenings import (
    Booked,
    BooksFailed,
    CallerCounted,
    CallerLeft,
    Happening,
    Heard,
    HostStopping,
    MeasureDone,
    Placed,
    Recorded,
    Tick,
    Unplaceable,
    WorkerGone,
)
from app.core.pool.jobs.job import OVER, Counted, Job, JobRequest, Placement
from app.core.pool.jobs.rules import RULES, JobRules
from app.core.pool.jobs.steps import advance, submit
from app.server.host.bugs import note_bug
from app.server.host.dispatch import Dispatch
from app.server.host.holding import booked
from app.server.host.job_ports import (
    Attempts,
    Bookkeeping,
    Counter,
    Ears,
    JobCaller,
    Verdicts,
    broken_end,
)
from app.server.storage.database import DatabaseUnusable
from app.server.storage.unwritable import Unwritable
from app.wire.message import Message
from app.wire.pool import Accepted, Chunk, Finished, Rejected

log = logging.getLogger(__name__)


@final
@dataclass(slots=True, eq=False)
class _Run:
    """One job at work."""

    job: Job
    caller: JobCaller
    commitment_key: bytes
    waiting: deque[Happening] = field(default_factory=deque)
    is_busy: bool = False
    unsigned: int = 0
    """Verdicts that are being made."""
    timer: asyncio.TimerHandle | None = None


@final
class Jobs:
    """All jobs of this host. Used by one event loop, inside `running()`."""

    def __init__(
        self,
        *,
        now: Callable[[], Microseconds],
        books: Bookkeeping,
        attempts: Attempts,
        counter: Counter,
        verdicts: Verdicts,
        dispatch: Dispatch,
        ears: Ears,
        tell: Callable[[DeviceId, Message], bool],
        rules: JobRules = RULES,
    ) -> None:
        """`tell` sends a frame to a member; False when it is not there."""
        self._now, self._rules = now, rules
        self._books, self._attempts = books, attempts
        self._counter, self._verdicts = counter, verdicts
        self._dispatch, self._ears, self._tell = dispatch, ears, tell
        self._runs: dict[JobId, _Run] = {}
        self._group: asyncio.TaskGroup | None = None
        self._grace: asyncio.Timeout | None = None
        self._unsigned = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        dispatch.on_placed = self._placed
        dispatch.on_unplaceable = self._unplaceable
        self.on_late: Callable[[DeviceId, Finished, Reported | None], None] = _not_heard
        """A receipt about a job of which nothing is known here any more (orphans.py)."""

    def __len__(self) -> int:
        return len(self._runs)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Jobs run inside the block; at its end what they still wait for has ended."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            finally:
                for run in self._runs.values():
                    if run.timer is not None:
                        run.timer.cancel()

    def submit(
        self, request: JobRequest, caller: JobCaller, *, commitment_key: bytes = b""
    ) -> None:
        """Begins a job. `commitment_key` goes to its workers: core/pool/commitments.

        Raises: as `steps.submit`; RequestConflict where a job of that id is under way.
        """
        if request.job in self._runs:
            raise RequestConflict("a job of that id is under way")
        job, effects = submit(request, self._now(), self._rules)
        run = _Run(job, caller, commitment_key)
        self._runs[request.job] = run
        self._at_rest.clear()
        run.is_busy = True
        self._guarded(run, effects)

    def find(self, job: JobId) -> Job | None:
        """The job as it stands; None when it is over."""
        run = self._runs.get(job)
        return None if run is None else run.job

    def all(self) -> list[Job]:
        """Every job that is not over."""
        return [run.job for run in self._runs.values()]

    def leave(self, job: JobId) -> None:
        """The caller has gone; saying so late or twice is no harm."""
        self._happen(job, CallerLeft())

    def counted(self, job: JobId, counted: Counted) -> None:
        """The asking node's own count of a sealed answer."""
        self._happen(job, CallerCounted(counted=counted))

    def heard(self, device: DeviceId, frame: Accepted | Rejected | Chunk | Finished) -> None:
        """A worker's frame, of whatever job."""
        receipt = None
        if isinstance(frame, Finished) and frame.receipt:
            receipt = self._verdicts.reported(device, frame)
        if frame.job not in self._runs:
            if isinstance(frame, Finished) and frame.receipt:
                self.on_late(device, frame, receipt)
            return
        self._happen(frame.job, Heard(worker=device, frame=frame, receipt=receipt))

    def worker_gone(self, device: DeviceId) -> None:
        """The device's session is over."""
        for job, run in list(self._runs.items()):
            current = run.job.current
            if current is not None and current.placement.worker == device:
                self._happen(job, WorkerGone(worker=device))

    async def stop(self, grace_seconds: float) -> None:
        """Waits for the jobs under way; then they are stopped, paid for and told."""
        self._grace = asyncio.timeout(grace_seconds)
        try:
            async with self._grace:
                await self._at_rest.wait()
        except TimeoutError:
            log.warning("stopping jobs under way", extra={"jobs": len(self._runs)})
        for job in list(self._runs):
            self._happen(job, HostStopping())
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self._at_rest.wait()
        except TimeoutError:
            log.warning("jobs are left to the sweeper", extra={"jobs": len(self._runs)})

    def hurry(self) -> None:
        """The grace of a stop under way is over now."""
        grace = self._grace
        if grace is not None and not grace.expired() and not self._at_rest.is_set():
            grace.reschedule(asyncio.get_running_loop().time())

    # --- one thing after the other -----------------------------------------------------------

    def _happen(self, name: JobId, happening: Happening) -> None:
        run = self._runs.get(name)
        if run is None:
            return
        run.waiting.append(happening)
        if not run.is_busy:
            run.is_busy = True
            self._guarded(run, [])

    def _guarded(self, run: _Run, effects: list[Effect]) -> None:
        """Carries out `effects` and what waits. A bug in one job ends that job alone."""
        try:
            self._work_off(run, effects)
        except Exception as error:  # the root of one job: see CATCHES_ALL in tests/tidy/nevers.py
            self._broken(run, error)
        finally:
            run.is_busy = False

    def _work_off(self, run: _Run, effects: list[Effect]) -> None:
        for effect in effects:
            self._carry_out(run, effect)
        while run.waiting:
            run.job, effects = advance(run.job, run.waiting.popleft(), self._now(), self._rules)
            for effect in effects:
                self._carry_out(run, effect)
        if run.job.phase in OVER:
            self._forget(run)
            self._ears.ended(run.job)

    def _carry_out(self, run: _Run, effect: Effect) -> None:  # noqa: PLR0912  # one case an effect
        job = run.job.request.job
        match effect:
            case Book():
                self._start(run, self._book(run, effect), "books")
            case Record():
                self._start(run, self._record(job, effect), "record")
            case FindWorker():
                self._dispatch.want(effect)
            case LeaveQueue():
                self._dispatch.leave(effect.job)
            case Observe() | ObserveCount():
                if isinstance(effect, Observe):
                    self._dispatch.free(effect.worker, job)
                    self._dispatch.observed(effect)
                self._ears.observed(effect, job)
            case SendOffer():
                offer = replace(effect.offer, commitment_key=run.commitment_key)
                if not self._tell(effect.worker, offer):
                    run.waiting.append(WorkerGone(worker=effect.worker))
            case CancelAttempt():
                self._tell(effect.worker, effect.cancel)
            case Deliver():
                run.caller.deliver(effect.events)
            case End():
                run.caller.end(effect)
            case MeasureAttempt():
                self._start(run, self._measure(job, effect), "count")
            case Countersign():
                run.unsigned += 1
                self._unsigned += 1
                self._start(run, self._countersign(run, effect), "countersign")
            case ArmTimer():
                self._arm(run, effect.at)
            case Log():
                log.info(effect.message, extra={"job": effect.job, **effect.fields})
            case _:
                assert_never(effect)

    def _arm(self, run: _Run, at: Microseconds) -> None:
        if run.timer is not None:
            run.timer.cancel()
        seconds = max(0, at - self._now()) / SECOND
        loop = asyncio.get_running_loop()
        run.timer = loop.call_later(seconds, self._happen, run.job.request.job, Tick())

    def _forget(self, run: _Run) -> None:
        if run.timer is not None:
            run.timer.cancel()
        self._runs.pop(run.job.request.job, None)
        self._forget_attempts(run)
        self._rest_if_done()

    def _rest_if_done(self) -> None:
        """No job runs, and every worker has its verdict."""
        if not self._runs and not self._unsigned:
            self._at_rest.set()

    def _broken(self, run: _Run, error: Exception) -> None:
        """The caller is told, and what was held is given back."""
        job, current = run.job.request.job, run.job.current
        note_bug("a job ended by a bug", error, job=job, phase=run.job.phase)
        if self._runs.get(job) is not run:
            return  # it was over, and its caller has heard the end
        self._dispatch.leave(job)
        if current is not None:
            self._dispatch.free(current.placement.worker, job)
        run.waiting.clear()
        self._forget(run)
        if run.job.windows:
            self._start(run, self._void(run.job), "void")
        try:
            run.caller.end(broken_end(run.job))
        except Exception as again:  # or else it gets past this root, and ends the host
            note_bug("the end of a job was not told, by a bug", again, job=job)

    async def _void(self, job: Job) -> None:
        """Where the books cannot be written, the sweeper releases the hold."""
        command = Void(id=money.end_id(job), at=self._now(), hold=money.hold_id(job))
        with suppress(DatabaseUnusable, DiskFull, Busy):
            await self._books.submit(command)

    # --- what takes time ---------------------------------------------------------------------

    def _start(self, run: _Run, work: Coroutine[object, object, None], name: str) -> None:
        assert self._group is not None, "jobs run inside `running`"
        self._group.create_task(self._watched(run, work), name=f"{name} of a job")

    async def _watched(self, run: _Run, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:  # the root of one job: see CATCHES_ALL in tests/tidy/nevers.py
            self._broken(run, error)

    async def _book(self, run: _Run, effect: Book) -> None:
        job, command = run.job.request.job, effect.command.id
        try:
            outcome = await booked(effect.command, self._books, run.caller)
        except (DatabaseUnusable, DiskFull, Busy):
            self._happen(job, BooksFailed(command=command))
        else:
            if isinstance(effect.command, Reserve) and outcome.result is Result.EXISTS:
                # A job asks once for its hold: the one that is there belongs to an earlier life.
                outcome = Outcome(Result.EXISTS_WITH_DIFFERENT_FIELDS, Micros(0), outcome.available)
            self._happen(job, Booked(command=command, outcome=outcome))

    async def _record(self, job: JobId, effect: Record) -> None:
        try:
            await self._attempts.record(effect, self._now())
        except Unwritable:
            self._happen(job, BooksFailed(command=effect.id))
        else:
            self._happen(job, Recorded(command=effect.id))

    async def _countersign(self, run: _Run, effect: Countersign) -> None:
        settled = run.job.settlement
        try:
            await self._verdicts.countersign(effect, settled.charge if settled else Micros(0))
        finally:  # or else a verdict that met a bug would keep every stop waiting
            self._unsigned -= 1
            self._rest_if_done()
        run.unsigned -= 1  # without a verdict, who was asked stays remembered
        self._forget_attempts(run)

    def _forget_attempts(self, run: _Run) -> None:
        """Who was asked is remembered until everybody's verdict is on the disk; of who vanished
        and was paid, until its receipt comes (`orphans`)."""
        job = run.job
        if job.phase in OVER and not run.unsigned and not job.awaits_receipt:
            self._attempts.forget(run.job.request.job)

    async def _measure(self, job: JobId, effect: MeasureAttempt) -> None:
        counted = await self._counter.measure(effect)
        self._happen(job, MeasureDone(attempt=effect.attempt, counted=counted))

    # --- from dispatch -----------------------------------------------------------------------

    def _placed(self, job: JobId, placement: Placement) -> None:
        self._happen(job, Placed(placement=placement))

    def _unplaceable(self, job: JobId, happening: Unplaceable) -> None:
        self._happen(job, happening)


_LAST_SECONDS: Final = 10.0
"""For stopped workers to answer and the books to be written."""


def _not_heard(_: DeviceId, __: Finished, ___: Reported | None) -> None:
    """Nobody cares for late receipts yet."""
