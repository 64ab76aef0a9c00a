"""Requests: from what a caller asks to a job, and from the job's end to its usage row.

One door for plain clients and for members that ask: names become contents, prompts are counted by
the models' own vocabularies, limits are charged, and the job begins. Whatever can be refused is
refused here, before anything is held or anybody is asked.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import msgspec

from app.core.base.errors import Busy, ContextExceeded, LimitReached, Unserved, Unsupported
from app.core.base.ids import DeviceId, JobId, RequestId
from app.core.base.units import Micros
from app.core.pool.admission import admit
from app.core.pool.eligibility import room_needed
from app.core.pool.jobs.effects import End
from app.core.pool.jobs.job import AnswerEvent, Candidate, JobRequest
from app.core.pool.jobs.rules import RULES
from app.core.pool.lengths import Lengths
from app.core.pool.limits import Amounts
from app.core.pool.room import check_request
from app.core.pool.wishes import RouteWishes
from app.server.host.access import Access, Admission
from app.server.host.caller import PoolCaller
from app.server.host.dispatch import Dispatch
from app.server.host.job_ports import Listener, Vocabularies
from app.server.host.jobs import Jobs
from app.server.host.offers import Offered, Offers
from app.server.host.roster import Roster
from app.server.host.usage import Ended, Reporting
from app.wire.engine import (
    ApplyTemplate,
    Delta,
    Detokenize,
    Embed,
    Generate,
    Reasoned,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.pool import Sealed

SEALED_TOKENS: Final = 256
"""Of a sealed answer, for quotas: nobody here knows better."""
BUSY_RETRY_SECONDS: Final = 5


@final
class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks and how, besides the model and the body."""

    caller: PoolCaller
    wishes: RouteWishes = RouteWishes()
    cost_max: Micros | None = None
    """Of all its answers together."""
    answers: int = 1
    """Jobs that it becomes: they share what it may cost, and what the account has."""
    accepts_partial: bool = False
    idempotency_key: str = ""
    fingerprint: bytes = b""
    """Of the whole body, keyed by the caller's secret."""
    request: RequestId = RequestId("")
    """By which the caller names it: the x-request-id of the answer, or a member's id of its ask."""

    def __repr__(self) -> str:
        return f"<Asked by {self.caller.who}>"


@final
@dataclass(slots=True, eq=False)
class Order:
    """One job as its caller sees it: `listener` is told its events, `end` comes last."""

    job: JobId
    listener: Listener
    commitment_key: bytes
    asked: Asked
    model: str
    admission: Admission
    steady: Callable[[], float]
    report: Callable[["Order", End], None]
    began: float
    charged: int
    """Micros that count against the caller's limits, at first by what the answer may take."""
    held: int = 0
    """Of these, by the books."""
    first_at: float | None = None
    ended_at: float | None = None
    reasoning: int = 0
    """Tokens of the answer so far that are reasoning."""

    @property
    def first_seconds(self) -> float:
        """To the first event; to now where none came."""
        return (self.steady() if self.first_at is None else self.first_at) - self.began

    @property
    def seconds(self) -> float:
        """To the end, or to now."""
        return (self.steady() if self.ended_at is None else self.ended_at) - self.began

    def deliver(self, events: tuple[AnswerEvent | Sealed, ...]) -> None:
        """From the job: what is here was written down as delivered before it is told."""
        if self.first_at is None:
            self.first_at = self.steady()
        for event in events:
            if isinstance(event, Delta) and any(isinstance(p, Reasoned) for p in event.parts):
                self.reasoning += event.tokens
        self.listener.deliver(events)

    def may_hold(self, amount: Micros) -> Micros:
        """See JobCaller. What was charged before and is not held yet serves first."""
        charged = min(amount, max(0, self.charged - self.held))
        more = self.admission.claim(amount - charged)
        self.charged += more
        self.held += charged + more
        return Micros(charged + more)

    def not_held(self, amount: Micros) -> None:
        """See JobCaller."""
        self.held -= amount

    def end(self, end: End) -> None:
        """From the job. What it cost is written down when it is known."""
        if self.ended_at is None:
            self.ended_at = self.steady()
        if end.cost is not None:
            self.report(self, end)
        self.listener.end(end)


@final
class Requests:
    """The way from a request to a job. Used by one event loop."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        offers: Callable[[], Offers],
        vocabularies: Vocabularies,
        access: Access,
        reporting: Reporting,
        roster: Roster,
        dispatch: Dispatch,
        steady: Callable[[], float],
        requests_max: int,
        queue_seconds: float,
    ) -> None:
        self._jobs, self._offers, self._vocabularies = jobs, offers, vocabularies
        self._access, self._reporting, self._roster = access, reporting, roster
        self._dispatch, self._steady = dispatch, steady
        self._lengths = Lengths()
        self._requests_max, self._queue_seconds = requests_max, queue_seconds

    @property
    def offers(self) -> Offers:
        """What may be asked for now."""
        return self._offers()

    async def begin(
        self,
        asked: Asked,
        model: str,
        body: Generate | Embed,
        *,
        listener: Listener,
        job: JobId,
        commitment_key: bytes,
        is_first: bool = True,
    ) -> Order:
        """A job that has begun. `is_first` of the several that one request may become counts.

        Raises: RequestError and its kin; LimitReached; Busy; Forbidden.
        """
        self._check_room()
        offered = self.offers.meant(model, asked.wishes)
        check_request(body, vector_length=offered[0].facts.embedding_length)
        with self._access.looking(asked.caller, requests=1 if is_first else 0):
            candidates = await self._candidates(offered, body)
        self._check_line(asked, frozenset(candidate.sha256 for candidate in candidates))
        expected = self._expected(asked, model, body)
        dearest = max(candidates, key=lambda c: c.prices.output)
        # Its hold begins with no less, and grows within the limits: Order.may_hold.
        answer = 0 if isinstance(body, Embed) else max(expected, RULES.least_tokens)
        charged = dearest.prices.to_hold(prompt=dearest.prompt_tokens, answer=answer)
        admission = self._access.admit(
            asked.caller,
            Amounts(
                requests=1 if is_first else 0,
                tokens=dearest.prompt_tokens + expected,
                credits=charged,
            ),
        )
        request = JobRequest(
            job=job,
            account=asked.caller.account,
            domain=asked.caller.domain,
            model=model,
            body=body,
            candidates=candidates,
            shares=self.offers.shares,
            wishes=asked.wishes,
            cost_max=None if asked.cost_max is None else Micros(asked.cost_max // asked.answers),
            answers=asked.answers,
            expected_tokens=expected,
            accepts_partial=asked.accepts_partial,
            may_use_own=self._roster.has_own(asked.caller.account, candidates),
            queue_seconds=self._queue_seconds,
        )
        return self._begin(
            asked, request, admission, listener, commitment_key=commitment_key, charged=charged
        )

    async def begin_sealed(
        self,
        asked: Asked,
        model: str,
        body: Sealed,
        *,
        listener: Listener,
        job: JobId,
        worker: DeviceId,
        commitment_key: bytes,
    ) -> Order:
        """The same for a body that only `worker` can read; it has a `cost_max`, held whole."""
        self._check_room()
        (first, *_) = self.offers.meant(model, asked.wishes)
        assert asked.cost_max is not None, "a sealed job names its price"
        admission = self._access.admit(
            asked.caller, Amounts(tokens=SEALED_TOKENS, credits=asked.cost_max)
        )
        candidate = first.candidate(prompt_tokens=0, context=first.context)
        request = JobRequest(
            job=job,
            account=asked.caller.account,
            domain=asked.caller.domain,
            model=model,
            body=body,
            candidates=(candidate,),
            shares=self.offers.shares,
            wishes=asked.wishes,
            cost_max=asked.cost_max,
            worker=worker,
            may_use_own=self._roster.has_own(asked.caller.account, (candidate,)),
            queue_seconds=self._queue_seconds,
        )
        return self._begin(
            asked,
            request,
            admission,
            listener,
            commitment_key=commitment_key,
            charged=asked.cost_max,
        )

    async def ask(
        self, model: str, question: Tokenize | Detokenize | ApplyTemplate
    ) -> Tokens | Text:
        """What the model's vocabulary answers, without a worker. Raises: as the engine."""
        offered = self.offers.meant(model, RouteWishes())[0]
        return await self._vocabularies.ask(offered.sha256, question)

    def serving(self, order: Order) -> tuple[str, str]:
        """Name of the machine that is at it now, and the content; "" while nobody is."""
        job = self._jobs.find(order.job)
        if job is None or not job.attempts:
            return "", ""
        placement = job.attempts[-1].placement
        return placement.name, placement.sha256

    def leave(self, order: Order) -> None:
        """The caller has gone."""
        self._jobs.leave(order.job)

    def _check_room(self) -> None:
        if len(self._jobs) >= self._requests_max:
            raise Busy(
                f"the pool has {self._requests_max} requests under way, its most",
                retry_after_seconds=BUSY_RETRY_SECONDS,
            )

    def _check_line(self, asked: Asked, contents: frozenset[str]) -> None:
        """Said early: a line that is longer than anybody waits helps nobody. Raises: Busy's kin."""
        shed = admit(
            self._dispatch.line(
                asked.caller.account, contents, patience_seconds=self._queue_seconds
            )
        )
        if shed is None:
            return
        kind = LimitReached if shed.status == 429 else Unserved
        raise kind(shed.message, retry_after_seconds=shed.retry_after_seconds)

    def _expected(self, asked: Asked, model: str, body: Generate | Embed) -> int:
        if isinstance(body, Embed):
            return 0
        return self._lengths.expected(asked.caller.who, model, body.max_tokens)

    async def _candidates(
        self, offered: tuple[Offered, ...], body: Generate | Embed
    ) -> tuple[Candidate, ...]:
        """Contents in whose context the prompt has room. Raises: RequestError where in none."""
        found: list[Candidate] = []
        refused: Exception | None = None
        for model in offered:
            if model.is_embedding != isinstance(body, Embed):
                what = "embeds and does not answer" if model.is_embedding else "does not embed"
                refused = refused or Unsupported(f"the model {model.name} {what}", field="model")
                continue
            tokens = await self._vocabularies.prompt_tokens(model.sha256, body)
            context = self._roster.context_of(model.sha256) or model.context
            if room_needed(body, tokens) > context:
                refused = refused or ContextExceeded(prompt_tokens=tokens, context=context)
                continue
            found.append(model.candidate(prompt_tokens=tokens, context=context))
        if refused is not None and not found:
            raise refused
        return tuple(found)

    def _begin(
        self,
        asked: Asked,
        request: JobRequest,
        admission: Admission,
        listener: Listener,
        *,
        commitment_key: bytes,
        charged: Micros,
    ) -> Order:
        order = Order(
            job=request.job,
            listener=listener,
            commitment_key=commitment_key,
            asked=asked,
            # Not as the caller wrote it: what a stranger writes is kept nowhere.
            model=self.offers.find(request.model),
            admission=admission,
            steady=self._steady,
            report=self._report,
            began=self._steady(),
            charged=charged,
        )
        try:
            self._jobs.submit(request, order, commitment_key=commitment_key)
        except BaseException:
            admission.settle(Amounts(requests=0))
            raise
        return order

    def _report(self, order: Order, end: End) -> None:
        assert end.cost is not None, "what is not paid yet is not over"
        first = None if order.first_at is None else round(order.first_seconds * 1000)
        if end.ending in ("completed", "length", "credit_exhausted") and end.delivered_tokens:
            self._lengths.observe(
                order.asked.caller.who,
                order.model,
                end.delivered_tokens,
                is_cut=end.ending != "completed",
            )
        self._reporting.record(
            order.asked.caller,
            order.admission,
            Ended(
                job=order.job,
                request=order.asked.request,
                model=order.model,
                sha256=end.sha256,
                status=end.ending,
                prompt=end.prompt_tokens,
                cached=end.cached_tokens,
                answer=end.answer_tokens,
                reasoning=min(order.reasoning, end.answer_tokens),
                cost=end.cost,
                first_ms=first,
                total_ms=round(order.seconds * 1000),
                attempts=end.attempts,
            ),
        )


def new_job_id() -> JobId:
    """By chance."""
    return JobId(f"job_{secrets.token_hex(12)}")
