"""Dispatch: the line of jobs and the decision of core/pool/dispatch, whenever either may change.

A job is tried when it comes, when a slot is free, when a machine begins to lend, and once a second
while anybody waits, since breakers and rests end by time alone. Decisions are logged.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final, final

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Microseconds
from app.core.pool.admission import Line
from app.core.pool.dispatch import Decision, decide, wait_seconds
from app.core.pool.eligibility import Offering
from app.core.pool.fair_queue import FairQueue
from app.core.pool.jobs.effects import FindWorker, Observe
from app.core.pool.jobs.happenings import Unplaceable
from app.core.pool.jobs.job import Placement
from app.core.pool.speeds import Speeds
from app.core.pool.standing import Standing
from app.server.host.roster import Roster

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 1.0
LOOKED_AT_MAX: Final = 64
"""Machines compared for one job: of more, so many by chance are as good and sooner compared."""
RETRY_SECONDS: Final = 15.0


@final
class Dispatch:
    """The line of one host. Used by one event loop."""

    def __init__(
        self,
        roster: Roster,
        *,
        weight: Callable[[AccountId], float],
        now: Callable[[], Microseconds],
        chance: random.Random,
    ) -> None:
        """`weight`: an account's share when callers queue."""
        self._roster, self._weight, self._now, self._chance = roster, weight, now, chance
        self.queue = FairQueue()
        self.speeds = Speeds()
        self.standing = Standing()
        self._is_kicked = False
        self._timer: asyncio.TimerHandle | None = None
        self.on_placed: Callable[[JobId, Placement], None] = _placed_nowhere
        self.on_unplaceable: Callable[[JobId, Unplaceable], None] = _told_nobody
        self._told: dict[JobId, str] = {}
        """Why each job in line waits, as it was told."""
        roster.on_change = self.kick

    # --- from jobs ---------------------------------------------------------------------------

    def want(self, find: FindWorker) -> None:
        """The job is in line."""
        self.queue.add(find, self._now(), weight=self._weight(find.request.account))
        self.kick()

    def leave(self, job: JobId) -> None:
        """The job is out of the line."""
        self.queue.remove(job)
        self._told.pop(job, None)

    def free(self, worker: DeviceId, job: JobId) -> None:
        """The worker has done with it."""
        self._roster.free(worker, job)

    def observed(self, seen: Observe) -> None:
        """How fast an attempt was. What it means for standing is watchman's matter."""
        machine = self._roster.get(seen.worker)
        model = machine.models.get(seen.sha256) if machine is not None else None
        self.speeds.observe(seen, 0 if model is None else model.parameters)

    # --- for callers -------------------------------------------------------------------------

    def line(self, account: AccountId, sha256s: frozenset[str], *, patience_seconds: float) -> Line:
        """What a request of these contents would stand in."""
        queued = self.queue.of_content(sha256s)
        offerings = self._drawn(account, sha256s)
        wait = wait_seconds(offerings, queued, self.speeds)
        if wait and len(offerings) >= LOOKED_AT_MAX:
            # A few of many say well that a slot is free, and badly how long the line is.
            every = [self._roster.offerings(account, sha256) for sha256 in sha256s]
            offerings = [each for found in every for each in found]
            wait = wait_seconds(offerings, queued, self.speeds)
        return Line(
            waiting=len(self.queue),
            of_account=self.queue.of_account(account),
            wait_seconds=wait,
            patience_seconds=patience_seconds,
            workers=len(offerings),
        )

    # --- deciding ----------------------------------------------------------------------------

    def kick(self) -> None:
        """Try soon, all that happens now together."""
        if not self._is_kicked:
            self._is_kicked = True
            asyncio.get_running_loop().call_soon(self._try_all)

    def _try_all(self) -> None:
        self._is_kicked = False
        full: set[str] = set()
        for find in list(self.queue.in_order(self._now())):
            contents = {c.sha256 for c in find.request.candidates if not find.sha256}
            contents = contents or {find.sha256}
            if contents <= full and not find.avoided and not find.request.may_use_own:
                continue  # those before it found no slot there
            self._try(find, contents, full)
        if len(self.queue) and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(AGAIN_SECONDS, self._again)

    def _again(self) -> None:
        self._timer = None
        self._try_all()

    def _try(self, find: FindWorker, contents: set[str], full: set[str]) -> None:
        job = find.request.job
        offerings = self._compared(find, contents)
        decision = decide(
            find,
            offerings,
            speeds=self.speeds,
            standing=self.standing,
            now=self._now(),
            draw=self._chance.getrandbits(32),
        )
        self._note_skipped(decision)
        if decision.placement is not None:
            placement = decision.placement
            self.leave(job)
            self._roster.take(placement.worker, job, placement.sha256)
            self.standing.placed(placement.worker, placement.sha256)
            log.info("dispatch decided", extra={"job": job, **decision.log_fields()})
            self.on_placed(job, placement)
            return
        if offerings and all(one.running >= one.slots or not one.is_lending for one in offerings):
            full |= contents
        # Who goes on with an answer waits for machines to come back as long as its caller would.
        is_waiting = decision.can_wait or (find.attempts > 0 and not find.is_refused)
        if not is_waiting:
            self.leave(job)
            log.info("nobody can take a job", extra={"job": job, **decision.log_fields()})
        elif self._told.get(job) == decision.message:
            return
        else:
            self._told[job] = decision.message
        self.on_unplaceable(
            job,
            Unplaceable(
                message=decision.message, is_waiting=is_waiting, retry_after_seconds=RETRY_SECONDS
            ),
        )

    def _compared(self, find: FindWorker, contents: set[str]) -> list[Offering]:
        account, named = find.request.account, find.request.worker
        if named is None and not find.avoided:
            return self._drawn(account, frozenset(contents))
        # Few jobs name a worker or have lost one: for them everybody is looked at.
        return [each for sha in sorted(contents) for each in self._roster.offerings(account, sha)]

    def _drawn(self, account: AccountId, contents: frozenset[str]) -> list[Offering]:
        return [
            each
            for sha256 in sorted(contents)
            for each in self._roster.drawn(account, sha256, LOOKED_AT_MAX, self._chance)
        ]

    def _note_skipped(self, decision: Decision) -> None:
        for device, reason in decision.skipped.items():
            machine = self._roster.get(device)
            if machine is not None:
                machine.skipped[reason] += 1


def _placed_nowhere(_: JobId, __: Placement) -> None:
    raise AssertionError("jobs listen from the start")


def _told_nobody(_: JobId, __: Unplaceable) -> None:
    raise AssertionError("jobs listen from the start")
