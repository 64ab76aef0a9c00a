"""The host: the shell around the product's pure parts, as `server/host` is, without its files.

`kill` may come between any two steps; what was in memory is gone then, and of what was being
written a part may be on the disk. `start` begins with the disk alone.
"""

from collections.abc import Callable, Iterator
from typing import assert_never

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Microseconds
from app.core.ledger.commands import EventId, Expire, Settle
from app.core.ledger.work import Reported
from app.core.pool.dispatch import decide
from app.core.pool.fair_queue import FairQueue
from app.core.pool.jobs import effects as wanted
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.job import OVER, Job, JobRequest
from app.core.pool.jobs.recovery import Orphan, claim, due, orphan_of
from app.core.pool.jobs.rules import JobRules
from app.core.pool.jobs.steps import advance, submit
from app.core.pool.signed import SignedBytes
from app.core.pool.speeds import Speeds
from app.core.pool.standing import Standing
from app.server.identity.keys import PoolKey
from app.wire.message import Message
from app.wire.pool import (
    Accepted,
    Checkpoint,
    Chunk,
    Countersigned,
    Finished,
    Heartbeat,
    Register,
    Rejected,
)
from tests.sim import words
from tests.sim.callers import Caller
from tests.sim.clock import SECOND, Clock
from tests.sim.disk import Disk
from tests.sim.door import Door
from tests.sim.evidence import receipt_of
from tests.sim.host_chains import HostChains
from tests.sim.host_writing import Writing
from tests.sim.market import PARAMETERS, offerings

SWEAR_EACH = 8 * SECOND
"""Often, since a world is over in a minute."""


class SimHost(Writing):
    """One host. `accounts` says whose each device is."""

    disk_type: type[Disk] = Disk
    chains_type: type[HostChains] = HostChains

    def __init__(self, clock: Clock, rules: JobRules, accounts: dict[DeviceId, AccountId]) -> None:
        super().__init__(clock, self.disk_type(pool=PoolKey((77).to_bytes(32, "big"))))
        self.rules, self.accounts = rules, accounts
        self.key = self.disk.pool
        self.trace: Callable[[str], None] = lambda line: None
        self.on_deliver: Callable[[Job, wanted.Deliver], None] = lambda job, deliver: None
        self.on_advance: Callable[[Job, Job], None] = lambda before, after: None
        self.on_chunk: Callable[[DeviceId, Chunk], None] = lambda device, chunk: None
        self.on_claim: Callable[[DeviceId, Finished, Reported], None] = lambda *claim: None
        self.on_end: Callable[[wanted.End], None] = lambda end: None
        self.doubts: list[str] = []
        """What members were told that this host does not know, in all of its lives."""
        self.forks: list[DeviceId] = []
        """Devices that signed another receipt than the one that was expected."""
        self.start()

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """With nothing but the disk."""
        self.life += 1
        self.is_up = True
        self.chains = self.chains_type(self.disk, self.doubts)
        self.door = Door(
            self.clock,
            self.key,
            self.life,
            now=lambda: self.now,
            heard=self._heard,
            gone=self._worker_gone,
            joined=self._worker_joined,
            head=self._head_of,
        )
        self.models: dict[DeviceId, Register] = {}
        self.lending: dict[DeviceId, bool] = {}
        self.running: dict[DeviceId, set[tuple[JobId, int]]] = {}
        self.jobs: dict[JobId, Job] = {}
        self.callers: dict[JobId, Caller] = {}
        self.queue, self.speeds, self.standing = FairQueue(), Speeds(), Standing()
        self.receipts: dict[tuple[JobId, int], SignedBytes] = {}
        self.orphans = {orphan.job: orphan for orphan in self.orphaned()}
        self._poll(self.life)
        self.later(SWEAR_EACH, self._swear)

    def orphaned(self) -> Iterator[Orphan]:
        """Holds that are open, or expired and to be claimed; no job of them is left."""
        for name in sorted({record.job for record in self.disk.records.values()}):
            hold = self.disk.books.hold(EventId(f"job/{name}"))
            if hold is None or hold.state not in ("open", "expired"):
                continue
            if hold.state == "open" or hold.is_claimable(self.now):
                until = Microseconds(hold.ends_at + hold.claim)
                yield orphan_of(name, hold.granted, until, self.disk.records_of(name))

    def kill(self) -> None:
        """With -9. Callers and nodes see their sockets go."""
        self.life += 1
        self.is_up = False
        self.door.shut()
        for caller in self.callers.values():
            caller.host_died()
        self.jobs, self.callers = {}, {}

    def _poll(self, life: int) -> None:
        """Sessions, the sweeper of holds, orphans."""
        if life != self.life:
            return
        self.door.look()
        for hold in list(self.disk.books.open_holds.values()):
            if hold.is_due(self.now):
                self.write(Expire(id=EventId(f"{hold.id}/expiry"), at=self.now, hold=hold.id))
        for orphan in list(self.orphans.values()):
            self._orphan_turned(*due(orphan, self.now))
        self._dispatch()
        self.later(1 * SECOND, lambda: self._poll(life))

    # --- chains ----------------------------------------------------------------------------------

    def _swear(self) -> None:
        """The head of the chain of verdicts to everybody, where it has grown."""
        chains = self.chains

        def tell(_: object) -> None:
            for device in self.models:
                self.tell_checkpoint(device)

        if chains.has_grown:
            self.at_the_disk(lambda: chains.swear(self.now), tell, lambda: None)
        self.later(SWEAR_EACH, self._swear)

    def tell_checkpoint(self, device: DeviceId) -> None:
        """The last that was sworn."""
        last = self.disk.checkpoints[-1]
        self.door.send(device, Checkpoint(checkpoint=last.body, signature=last.signature))

    def _head_of(self, device: DeviceId) -> tuple[int, bytes]:
        chain = self.chains.of_device(device)
        return chain.count, chain.head

    def _worker_joined(self, device: DeviceId) -> None:
        if self.disk.checkpoints:
            self.tell_checkpoint(device)

    # --- frames ----------------------------------------------------------------------------------

    def _worker_gone(self, device: DeviceId) -> None:
        if self.door.sessions.of_device(device) is None:
            self.models.pop(device, None)
            self.lending.pop(device, None)
        self.chains.forget(device)
        self.running.pop(device, None)
        self.standing.gone(device)
        for job in list(self.jobs.values()):
            self.advance(job.request.job, befell.WorkerGone(worker=device))

    def _heard(self, device: DeviceId, frame: Message) -> None:
        match frame:
            case Register():
                self.models[device] = frame
            case Heartbeat():
                self.lending[device] = frame.is_lending
                self.chains.shown(frame.checkpoint)
            case Accepted() | Rejected() | Chunk():
                if isinstance(frame, Rejected):
                    self._freed(device, frame.job, frame.attempt)
                if isinstance(frame, Chunk):
                    self.on_chunk(device, frame)
                self.advance(frame.job, befell.Heard(worker=device, frame=frame))
            case Finished():
                self._freed(device, frame.job, frame.attempt)
                self._finished(device, frame)
            case _:
                pass
        self._dispatch()

    def _freed(self, device: DeviceId, job: JobId, attempt: int) -> None:
        self.running.get(device, set()).discard((job, attempt))

    def _finished(self, device: DeviceId, frame: Finished) -> None:
        """To its job; to an orphan; or, where all is over, the verdict that stands."""
        receipt = receipt_of(frame, device, self.key.pool)
        if receipt is not None and not self.chains.goes_on(device, frame):
            self.forks.append(device)
            receipt = None
        if receipt is not None:
            self.on_claim(device, frame, receipt)
        if frame.job in self.jobs:
            self.advance(frame.job, befell.Heard(worker=device, frame=frame, receipt=receipt))
            return
        orphan = self.orphans.get(frame.job)
        if receipt is None:
            return
        was_asked = self._was_asked(device, frame)
        if orphan is not None and was_asked and not self._is_over(frame.job):
            self.receipts[frame.job, frame.attempt] = SignedBytes(frame.receipt, frame.signature)
            turned = claim(orphan, frame.attempt, device, receipt, self.now)
            self._orphan_turned(*turned)
            return
        # Every receipt that holds gets a verdict, if only that it is worth nothing: its worker
        # keeps it until then.
        earned = self.disk.earned(frame.job, frame.attempt) if was_asked else 0
        self._countersign(device, frame, earned)

    def _was_asked(self, device: DeviceId, frame: Finished) -> bool:
        return any(
            record.attempt == frame.attempt and record.worker == device
            for record in self.disk.records_of(frame.job)
        )

    def _is_over(self, job: JobId) -> bool:
        return job in self.disk.settles

    def _countersign(self, device: DeviceId, frame: Finished, earned: int) -> None:
        key = (frame.job, frame.attempt)
        verdict = self.disk.verdict(
            key,
            device,
            earned=earned,
            receipt=SignedBytes(frame.receipt, frame.signature),
            at=self.now,
        )
        self.send_verdict(device, key, self.disk.sign(verdict))

    def send_verdict(self, device: DeviceId, key: tuple[JobId, int], signed: SignedBytes) -> None:
        self.door.send(
            device,
            Countersigned(
                job=key[0], attempt=key[1], verdict=signed.body, signature=signed.signature
            ),
        )

    def _orphan_turned(self, orphan: Orphan, settlement: object) -> None:
        self.orphans[orphan.job] = orphan
        postings = getattr(settlement, "postings", None)
        if postings is None:
            return
        del self.orphans[orphan.job]
        hold = EventId(f"job/{orphan.job}")

        def done(_: object) -> None:
            for record in orphan.records:
                key = (orphan.job, record.attempt)
                if record.attempt in orphan.claims:
                    verdict = self.disk.verdict(
                        key,
                        record.worker,
                        earned=self.disk.earned(*key),
                        receipt=self.receipts.get(key),
                        at=self.now,
                    )
                    self.send_verdict(record.worker, key, self.disk.sign(verdict))

        def failed() -> None:
            self.orphans[orphan.job] = orphan  # it is due, so the next look tries again

        self.write(
            Settle(id=EventId(f"{hold}/end"), at=self.now, hold=hold, postings=postings),
            done,
            failed,
        )

    # --- jobs ------------------------------------------------------------------------------------

    def ask(self, request: JobRequest, caller: Caller) -> None:
        """A caller's request."""
        self.callers[request.job] = caller
        job, wants = submit(request, self.now, self.rules)
        self.jobs[request.job] = job
        self._carry_out(request.job, wants)

    def advance(self, name: JobId, happening: befell.Happening) -> None:
        job = self.jobs.get(name)
        if job is None or not self.is_up:
            return
        after, wants = advance(job, happening, self.now, self.rules)
        self.jobs[name] = after
        self.on_advance(job, after)
        self._carry_out(name, wants)

    def _carry_out(self, name: JobId, wants: list[wanted.Effect]) -> None:
        for effect in wants:
            self._do(name, effect)
        job = self.jobs.get(name)
        if job is not None and job.phase in OVER:
            del self.jobs[name]
            self.callers.pop(name, None)

    def _do(self, name: JobId, effect: wanted.Effect) -> None:  # noqa: PLR0912 - one case an effect
        match effect:
            case wanted.Book(command=command):
                self.at_the_disk(
                    lambda: self.disk.write(command),
                    lambda outcome: self.advance(
                        name, befell.Booked(command=command.id, outcome=outcome)
                    ),
                    lambda: self.advance(name, befell.BooksFailed(command=command.id)),
                )
            case wanted.Record():
                self.at_the_disk(
                    lambda: self.disk.record(effect),
                    lambda _: self.advance(name, befell.Recorded(command=effect.id)),
                    lambda: self.advance(name, befell.BooksFailed(command=effect.id)),
                )
            case wanted.FindWorker():
                self.queue.add(effect, self.now)
                self.later(0, self._dispatch)
            case wanted.LeaveQueue(job=job):
                self.queue.remove(job)
            case wanted.SendOffer(worker=worker, offer=offer):
                self.running.setdefault(worker, set()).add((offer.job, offer.attempt))
                self.door.send(worker, offer)
            case wanted.CancelAttempt(worker=worker, cancel=cancel):
                self.door.send(worker, cancel)
            case wanted.Deliver():
                self.on_deliver(self.jobs[name], effect)
                self.callers[name].told(effect.events)
            case wanted.End():
                self.end(effect)
            case wanted.MeasureAttempt(attempt=attempt, measure=measure):
                counted = None if self.clock.happens(0.05) else words.count(measure)
                done = befell.MeasureDone(attempt=attempt, counted=counted)
                self.later(self.clock.between(1, 30), lambda: self.advance(name, done))
            case wanted.Observe():
                self.standing.observe(effect, self.now)
                self.speeds.observe(effect, PARAMETERS)
                self.later(0, self._dispatch)
            case wanted.ObserveCount():
                self.standing.observe_count(effect, self.now)
            case wanted.Countersign(attempt=attempt, line=line):
                self._settled(name, effect)
                del attempt, line
            case wanted.ArmTimer(at=at):
                self.later(max(0, at - self.now), lambda: self.advance(name, befell.Tick()))
            case wanted.Log():
                self.trace(f"{effect.message} {name} {effect.fields}")
            case _:
                assert_never(effect)

    def end(self, end: wanted.End) -> None:
        """The last that a caller hears."""
        self.callers[end.job].ended(end)
        self.on_end(end)

    def _settled(self, name: JobId, effect: wanted.Countersign) -> None:
        attempt = effect.attempt
        key = (name, attempt.number)
        verdict = self.disk.verdict(
            key,
            attempt.placement.worker,
            earned=effect.line.earned,
            receipt=SignedBytes(attempt.receipt, attempt.signature),
            at=self.now,
            answer=effect.line.answer,
        )
        self.send_verdict(attempt.placement.worker, key, self.disk.sign(verdict))

    # --- dispatch --------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Give every job in line that somebody can do to that worker."""
        if not len(self.queue):
            return
        for find in list(self.queue.in_order(self.now)):
            if find.request.job not in self.jobs:
                self.queue.remove(find.request.job)
                continue
            decision = decide(
                find,
                offerings(self, find.request.account),
                speeds=self.speeds,
                standing=self.standing,
                now=self.now,
                draw=self.clock.random.getrandbits(32),
            )
            if decision.placement is not None:
                self.queue.remove(find.request.job)
                self.standing.placed(decision.placement.worker, decision.placement.sha256)
                self.advance(find.request.job, befell.Placed(placement=decision.placement))
