"""Watchman: what machines did, for their standing; strikes with their reasons go to the disk.

Counts and faults come as effects of jobs (core/pool/standing weighs them); when a job is over its
attempts are looked at by core/pool/abuse. Of prompts and answers only sketches are kept, by a key
that is made at the start and lies in memory alone, so that nobody can guess what they were of.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.abuse import Watch, Work, loops
from app.core.pool.jobs.effects import Observe, ObserveCount
from app.core.pool.jobs.failover import contradicted
from app.core.pool.jobs.job import Attempt, Job
from app.core.pool.standing import WORDS, Record, Standing
from app.server.storage.devices import Devices, Strike
from app.server.storage.unwritable import Unwritable
from app.wire.engine import Generate

log = logging.getLogger(__name__)

_SKETCH_BYTES: Final = 16
_WAITING_MAX: Final = 1000

ActiveBytes = Callable[[str], int]
"""Bytes of the weights that one token of a model needs, by its sha256; 0 where it is not known."""


class Machines(Protocol):
    """What machines say of themselves (server/host/roster)."""

    def gpu_memory(self, device: DeviceId) -> int:
        """Bytes that it has; 0 without a GPU."""

    def context(self, device: DeviceId, sha256: str) -> int:
        """Tokens that its context of a model has; 0 where it does not offer it."""


@final
class Watchman:
    """The eyes of one host. Used by one event loop. `key` is 32 bytes by chance."""

    def __init__(
        self,
        *,
        standing: Standing,
        devices: Devices,
        now: Callable[[], Microseconds],
        key: bytes,
        machines: Machines,
        active_bytes: ActiveBytes,
    ) -> None:
        self._standing, self._devices, self._now = standing, devices, now
        self._key, self._machines, self._active_bytes = key, machines, active_bytes
        self._watch = Watch()
        self._waiting: deque[Strike] = deque(maxlen=_WAITING_MAX)
        self._came = asyncio.Event()
        self.on_strike: Callable[[str], None] = _nothing
        """Told the kind of each strike."""
        self.on_judged: Callable[[DeviceId], None] = _nothing
        """Told against which device each strike was."""

    async def begin(self) -> None:
        """Go on with what was held against whom before the host was started."""
        self._standing.restore(await self._devices.records())

    def observed(self, effect: Observe | ObserveCount, job: JobId) -> None:
        """An attempt's end, or how its count compares."""
        before = self._record(effect.worker)
        if isinstance(effect, Observe):
            self._standing.observe(effect, self._now())
        else:
            self._standing.observe_count(effect, self._now())
        self._note_changes(effect.worker, before, job)

    def ended(self, job: Job) -> None:
        """A job is over: look at what its attempts gave."""
        for refusal in contradicted(job):
            placement = refusal.placement
            self._standing.contradicted(placement.worker, placement.sha256, self._now())
        for attempt in job.attempts:
            if not attempt.tokens or job.request.is_sealed:
                continue
            for finding in self._watch.observe(self._work(job, attempt)):
                before = self._record(finding.device)
                self._standing.strike(finding.device, finding.kind, self._now())
                self._note(finding.device, finding.kind, finding.reason, finding.job)
                self._note_pause(finding.device, before, finding.job)

    async def forgive(self, device: DeviceId) -> int:
        """The operator looked into it: nothing is held against the machine; how much was."""
        self._standing.forgive(device)
        await self.flush()
        return await self._devices.forgive(device)

    async def keep_written(self) -> None:
        """Bring strikes to the disk as they come; runs until it is cancelled."""
        while True:
            await self._came.wait()
            await self.flush()

    async def flush(self) -> None:
        """Bring the strikes so far to the disk."""
        self._came.clear()
        try:
            while self._waiting:
                # Taken off before it is written: an order to forgive writes at the same time.
                strike = self._waiting.popleft()
                try:
                    await self._devices.strike(strike)
                except BaseException:
                    self._waiting.appendleft(strike)
                    raise
            await self._devices.keep_records(self._standing.records())
        except Unwritable:
            # They still count in memory; the next one tries again.
            log.warning("strikes could not be written", exc_info=True)

    def _record(self, device: DeviceId) -> Record:
        return self._standing.records().get(device, Record())

    def _note_changes(self, device: DeviceId, before: Record, job: JobId) -> None:
        """The strikes that came since `before`; a pause sets their counts back to none."""
        after = self._record(device)
        for word, words in WORDS.items():
            if after.counts.get(word, 0) > before.counts.get(word, 0):
                self._note(device, word, words, job)
        self._note_pause(device, before, job)

    def _note_pause(self, device: DeviceId, before: Record, job: JobId) -> None:
        after = self._record(device)
        if after.pauses > before.pauses:
            self._note(device, "paused", after.reason, job)

    def _note(self, device: DeviceId, kind: str, reason: str, job: JobId) -> None:
        log.info("strike", extra={"device": device[:12], "kind": kind, "job": job})
        strike = Strike(device=device, kind=kind, reason=reason, job=job, at=self._now())
        self._waiting.append(strike)
        self.on_strike(kind)
        self.on_judged(device)
        self._came.set()

    def _work(self, job: Job, attempt: Attempt) -> Work:
        request, body = job.request, job.request.body
        is_free_text = isinstance(body, Generate) and body.output is None
        begun, heard = attempt.accepted_at, attempt.heard_at
        return Work(
            device=attempt.placement.worker,
            owner=AccountId(attempt.placement.account),
            payer=request.account,
            job=request.job,
            sha256=attempt.placement.sha256,
            tokens=len(attempt.tokens),
            ended_for_room=job.is_cut and attempt is job.attempts[-1],
            room=self._room(job, attempt),
            seconds=0.0 if begun is None or heard is None else (heard - begun) / SECOND,
            gpu_memory_bytes=self._machines.gpu_memory(attempt.placement.worker),
            active_bytes=self._active_bytes(attempt.placement.sha256),
            prompt_sketch=self._sketch(msgspec.msgpack.encode(body.prompt))
            if isinstance(body, Generate) and is_free_text
            else b"",
            answer_sketch=self._sketch(msgspec.msgpack.encode(attempt.tokens))
            if is_free_text and attempt.first == 0
            else b"",
            is_looping=loops(attempt.tokens),
        )

    def _room(self, job: Job, attempt: Attempt) -> int | None:
        if not isinstance(job.request.body, Generate):
            return None
        placement = attempt.placement
        return job.room_of(attempt, self._machines.context(placement.worker, placement.sha256))

    def _sketch(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=_SKETCH_BYTES).digest()


def _nothing(_: str) -> None:
    """Nobody listens yet."""
