"""Asks: members that spend. A node asks over its session and is told the answer over it.

An ask has the node's own id, and the same id is the same job: asked again, it is told what came of
it and is not done twice. An ask in clear becomes a job with an id of the host's; a sealed one keeps
its own, to which the seal is bound.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, final

from msgspec.structs import replace

from app.core.base.errors import AthanorError, Busy, ContextExceeded, RequestError
from app.core.base.ids import DeviceId, JobId, RequestId
from app.core.base.units import Micros
from app.core.ledger.commands import AMOUNT_MAX
from app.core.pool.counts import COUNTS, agree
from app.core.pool.jobs.effects import End
from app.core.pool.jobs.job import AnswerEvent, Counted
from app.core.pool.keys import Verifier
from app.core.pool.receipt import RECEIPT
from app.core.pool.signed import SignedBytes
from app.core.pool.wishes import is_within, wishes_of_words
from app.server.host.access import Access
from app.server.host.bugs import internal_error, note_bug
from app.server.host.endings import error_of_end
from app.server.host.job_ports import Tell
from app.server.host.jobs import Jobs
from app.server.host.orphans import Orphans
from app.server.host.requests import Asked, Order, Requests, new_job_id
from app.server.storage.idempotency import Idempotency
from app.wire.engine import (
    Completed,
    Ended,
    Generate,
    Refused,
    Timings,
    Usage,
)
from app.wire.pool import Ask, CancelAsk, Sealed, Told
from app.wire.pool import Counted as CountedFrame

log = logging.getLogger(__name__)

TOLD_KEPT: Final = 4096
"""Last words about asks, which hold counts and no content, for who asks again."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,80}")


@final
@dataclass(slots=True, eq=False)
class _Asking:
    """One ask under way: how a job's events become `Told`s."""

    device: DeviceId
    ask: Ask
    tell: Tell
    over: "Asks"
    order: Order | None = None
    is_cancelled: bool = False
    has_ended: bool = False
    bytes_out: int = 0

    def deliver(self, events: tuple[AnswerEvent | Sealed, ...]) -> None:
        clear = [event for event in events if not isinstance(event, Sealed)]
        self.has_ended |= any(isinstance(event, Ended) for event in clear)
        if clear:
            self.tell(self.device, Told(job=self.ask.job, events=list(clear)))
        for event in events:
            if isinstance(event, Sealed):
                self.bytes_out += len(event.ciphertext)
                self.tell(self.device, Told(job=self.ask.job, events=[], sealed=event))

    def end(self, end: End) -> None:
        self.over.end(self, end)


@final
class Asks:
    """The asks of all members. Used by one event loop, inside `running()`."""

    def __init__(
        self,
        *,
        requests: Requests,
        jobs: Jobs,
        access: Access,
        idempotency: Idempotency,
        orphans: Orphans,
        verify: Verifier,
        tell: Tell,
    ) -> None:
        self._requests, self._jobs, self._access = requests, jobs, access
        self._idempotency, self._orphans = idempotency, orphans
        self._verify, self._tell = verify, tell
        self._open: dict[tuple[DeviceId, JobId], _Asking] = {}
        self._told: OrderedDict[tuple[DeviceId, JobId], Told] = OrderedDict()
        self._looking: dict[tuple[DeviceId, JobId], asyncio.Task[None]] = {}
        """For what an ask of an earlier run did cost."""
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Asks are taken inside the block."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            finally:
                for task in self._looking.values():
                    task.cancel()

    def ask(self, device: DeviceId, ask: Ask) -> None:
        """A member asks; a second time it is told what it missed of the end."""
        key = (device, ask.job)
        if key in self._open:
            return
        if key in self._told:
            self._tell(device, self._told[key])
            return
        asking = self._open[key] = _Asking(device, ask, self._tell, self)
        self._start(self._begun(asking), "an ask of a member")

    def cancel(self, device: DeviceId, frame: CancelAsk) -> None:
        """The client left; of an ask that is over the cost is told once more."""
        key = (device, frame.job)
        asking = self._open.get(key)
        if asking is not None:
            self._cancel(asking)
        elif key in self._told:
            self._tell(device, self._told[key])
        else:
            self._look_up(device, frame.job)

    def counted(self, device: DeviceId, frame: CountedFrame) -> None:
        """The asking node's own count of a sealed answer."""
        asking = self._open.get((device, frame.job))
        signed = SignedBytes(frame.statement, frame.signature)
        statement = COUNTS.read_signed(signed, device, self._verify)
        if asking is None or asking.order is None or statement is None:
            return
        body, job = asking.ask.body, self._jobs.find(asking.order.job)
        receipt = RECEIPT.read(job.attempts[-1].receipt) if job and job.attempts else None
        agreed = agree(
            receipt,
            statement,
            bytes_in=len(body.ciphertext) if isinstance(body, Sealed) else 0,
            bytes_out=asking.bytes_out,
        )
        if not agreed.agrees:
            log.info(
                "the two ends of a sealed job differ",
                extra={"job": asking.order.job, "why": agreed.why},
            )
        self._jobs.counted(
            asking.order.job,
            Counted(prompt_tokens=agreed.prompt, answer_tokens=agreed.answer, differs=agreed.why),
        )

    def left(self, device: DeviceId) -> None:
        """The member's session is over: nobody hears its answers."""
        for (owner, _), asking in list(self._open.items()):
            if owner == device:
                self._cancel(asking)

    def end(self, asking: _Asking, end: End) -> None:
        """From the job: the last word, which is not said before the cost is known."""
        if end.cost is None:
            return
        events: list[Completed | Refused | Ended] = []
        error = error_of_end(end)
        if error is not None:
            events = [refused_of(error, asking.ask.job)]
        elif isinstance(asking.ask.body, Generate):
            if not asking.has_ended:
                events.append(Ended(request=_request(asking.ask), choice=0, reason="length"))
            events.append(_completed(asking, end))
        self._last(
            asking,
            Told(
                job=asking.ask.job,
                events=list(events),
                is_last=True,
                cost=end.cost,
                receipt=end.job,
                served_by=end.served_by,
            ),
        )

    # --- one ask -----------------------------------------------------------------------------

    def _start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        assert self._group is not None, "asks are taken inside `running`"
        return self._group.create_task(work, name=name)

    async def _begun(self, asking: _Asking) -> None:
        """It is begun or refused; a bug ends this ask alone."""
        try:
            await self._begin(asking)
        except Exception as error:  # the root of one ask: see CATCHES_ALL in tests/tidy/nevers.py
            note_bug("an ask ended by a bug", error, device=asking.device[:12])
            job = asking.ask.job
            told = Told(job=job, events=[refused_of(internal_error(), job)], is_last=True)
            try:
                self._last(asking, told)
            except Exception as again:  # or else it gets past this root, and ends the host
                note_bug("an ask was not answered, by a bug", again, device=asking.device[:12])

    async def _begin(self, asking: _Asking) -> None:
        ask = asking.ask
        try:
            asked = self._asked(asking)
            job = ask.job if isinstance(ask.body, Sealed) else new_job_id()
            claim = await self._idempotency.claim(f"device {asking.device}", ask.job, b"", job)
            if not claim.is_new:
                self._open.pop((asking.device, ask.job), None)
                self._look_up(asking.device, ask.job)
                return
            asking.order = await self._ordered(asking, asked, job)
        except AthanorError as error:
            refused = refused_of(error, ask.job)
            self._last(asking, Told(job=ask.job, events=[refused], is_last=True))
            return
        if asking.is_cancelled:
            self._requests.leave(asking.order)

    def _asked(self, asking: _Asking) -> Asked:
        """Who asks, and how. Raises: RequestError; Forbidden; Unauthorized."""
        ask = asking.ask
        if not _ID.fullmatch(ask.job):
            raise RequestError("an ask needs an id of 8 to 80 letters and digits")
        if not 0 <= ask.cost_max <= AMOUNT_MAX:
            raise RequestError("cost_max is no amount")
        wishes = wishes_of_words(ask.wishes)
        # The narrower of the two floors holds.
        trust = ask.circle if is_within(ask.circle, wishes.trust) else wishes.trust
        return Asked(
            caller=self._access.member(asking.device),
            wishes=replace(wishes, trust=trust),
            cost_max=ask.cost_max,
            request=RequestId(ask.job),
        )

    async def _ordered(self, asking: _Asking, asked: Asked, job: JobId) -> Order:
        ask = asking.ask
        if isinstance(ask.body, Sealed):
            if ask.worker is None:
                raise RequestError("a sealed ask names the worker that can open it")
            return await self._requests.begin_sealed(
                asked,
                ask.model,
                ask.body,
                listener=asking,
                job=job,
                worker=ask.worker,
                commitment_key=ask.commitment_key,
            )
        return await self._requests.begin(
            asked,
            ask.model,
            ask.body,
            listener=asking,
            job=job,
            commitment_key=ask.commitment_key,
        )

    def _cancel(self, asking: _Asking) -> None:
        asking.is_cancelled = True
        if asking.order is not None:
            self._requests.leave(asking.order)

    def _last(self, asking: _Asking, told: Told) -> None:
        key = (asking.device, asking.ask.job)
        self._open.pop(key, None)
        # Without the words of a refusal: whoever asks again wants the cost.
        self._told[key] = replace(told, events=[_busy(told)])
        while len(self._told) > TOLD_KEPT:
            self._told.popitem(last=False)
        self._tell(asking.device, told)

    def _look_up(self, device: DeviceId, name: JobId) -> None:
        """Tell what an ask of an earlier run of this host did cost, as soon as that is known."""
        key = (device, name)
        if key in self._looking:
            return
        task = self._looking[key] = self._start(
            self._told_of_before(device, name), "cost of an ask"
        )
        task.add_done_callback(lambda _: self._looking.pop(key))

    async def _told_of_before(self, device: DeviceId, name: JobId) -> None:
        """A cost that could not be read is not told: the member asks again in its next session."""
        try:
            await self._tell_of_before(device, name)
        except Exception as error:  # the root of one ask: see CATCHES_ALL in tests/tidy/nevers.py
            note_bug("the cost of an ask could not be looked up", error, device=device[:12])

    async def _tell_of_before(self, device: DeviceId, name: JobId) -> None:
        job = await self._idempotency.find(f"device {device}", name)
        cost = Micros(0) if job is None else await self._orphans.charge(job)
        told = Told(job=name, events=[], is_last=True, cost=cost, receipt=job or "")
        self._tell(device, replace(told, events=[_busy(told)]))


def refused_of(error: AthanorError, request: str) -> Refused:
    """An error as the wire tells it."""
    context = error if isinstance(error, ContextExceeded) else None
    return Refused(
        request=RequestId(request),
        kind=error.kind,
        message=error.message,
        field=error.field if isinstance(error, RequestError) else None,
        remedy=error.remedy,
        prompt_tokens=context.prompt_tokens if context else 0,
        context=context.context if context else 0,
        retry_after_seconds=error.retry_after_seconds if isinstance(error, Busy) else 0,
    )


def _busy(told: Told) -> Refused:
    return Refused(
        request=RequestId(told.job),
        kind=Busy.kind,
        message="this ask is over; its answer is not kept",
        retry_after_seconds=1,
    )


def _request(ask: Ask) -> RequestId:
    return RequestId(ask.job) if isinstance(ask.body, Sealed) else ask.body.request


def _completed(asking: _Asking, end: End) -> Completed:
    order = asking.order
    first = order.first_seconds if order is not None else 0.0
    return Completed(
        request=_request(asking.ask),
        usage=Usage(
            prompt=end.prompt_tokens,
            cached=end.cached_tokens,
            completion=end.answer_tokens,
            reasoning=min(order.reasoning if order is not None else 0, end.answer_tokens),
        ),
        timings=Timings(
            queue_ms=0.0,
            prompt_ms=first * 1000,
            decode_ms=(order.seconds - first) * 1000 if order is not None else 0.0,
        ),
    )
