"""Loop: the one thread that runs the model.

A turn: take what has come in, plan a step, carry it out, pick tokens, tell the clients, commit.
All state of requests belongs to this thread; others reach it through the inbox only.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, final

import msgspec

from app.core.base.errors import Busy, InvalidGrammar
from app.core.base.ids import RequestId, Slot
from app.core.scheduling.limits import Limits
from app.core.scheduling.lookup import DRAFTERS_MAX, Lookup
from app.core.scheduling.pace import Pace
from app.core.scheduling.scheduler import Scheduler
from app.core.scheduling.sequence import Sequence as Scheduled
from app.core.scheduling.step import Row, Step, Trim
from app.engine.answer import Answer
from app.engine.backend import Backend, DecodeFailed
from app.engine.gauges import Meter
from app.engine.inbox import Closing, Inbox, Left
from app.engine.pick import Picked, pick
from app.engine.prepare import PreparedEmbed, PreparedGenerate
from app.engine.refusal import refusal
from app.engine.requests import Request
from app.wire.engine import (
    Begun,
    Delta,
    Ended,
    FromEngine,
    Part,
    Progress,
    Said,
    TokenLogprob,
)

PICK_THREADS: Final = 4
"""A sampler over 150,000 words takes half a millisecond and leaves Python's lock meanwhile."""

PROBE_TOKENS: Final = 8
PROBE_SLOT: Final = Slot(0)


@final
class Loop:
    """Owns the backend, the scheduler and all running requests."""

    def __init__(
        self,
        backend: Backend,
        *,
        inbox: Inbox,
        send: Callable[[Sequence[FromEngine]], None],
        clock: Callable[[], float],
        chance: random.Random,
    ) -> None:
        self._backend = backend
        self._inbox = inbox
        self._send = send
        self._clock = clock
        self._chance = chance
        self._plan = backend.facts.plan
        self._scheduler = Scheduler(_limits(backend))
        self._pace = Pace()
        self._meter = Meter(self._plan.cells)
        self._requests: dict[RequestId, Request] = {}
        self._answers: dict[int, tuple[Request, Answer]] = {}
        self._ids = itertools.count()
        self._pool = ThreadPoolExecutor(PICK_THREADS, thread_name_prefix="pick")
        self._events: list[FromEngine] = []
        self._is_closing = False
        self._has_failed_for_room = False

    def run(self) -> None:
        """Serve until told to close and all requests have ended.

        Raises: DecodeFailed when the compute backend is broken; the process should end then.
        """
        while not (self._is_closing and not self._requests):
            self._take_in()
            self._turn()
            self._tell()
        self._pool.shutdown()

    # --- what comes in ---------------------------------------------------------------------

    def _take_in(self) -> None:
        """Everything in the inbox; waits for something when there is nothing to run."""
        while not self._inbox.empty() or not len(self._scheduler):
            match self._inbox.get():
                case PreparedGenerate() as prepared:
                    self._begin(prepared)
                case Left(request):
                    self._leave(request)
                case Closing():
                    self._is_closing = True
                case PreparedEmbed():
                    raise AssertionError("refused before it got here")
            if self._is_closing and not self._requests:
                return
            if self._inbox.empty() and not len(self._scheduler):
                self._tell()

    def _begin(self, prepared: PreparedGenerate) -> None:
        message = prepared.message
        begun = Begun(request=message.request, prompt_tokens=len(prepared.tokens))
        self._events.append(begun)
        if prepared.echo:
            for choice in range(message.choices):
                echo: list[Part] = [Said(text=prepared.echo)]
                self._events.append(
                    Delta(request=message.request, choice=choice, parts=echo, tokens=0)
                )
        request = Request(prepared, [], open=message.choices)
        self._requests[message.request] = request
        for choice in range(message.choices):
            answer = self._answer(prepared, choice)
            request.answers.append(answer)
            self._answers[answer.sequence.id] = (request, answer)
            if answer.transcript.reason is not None:
                self._end(request, answer)
            else:
                self._scheduler.add(answer.sequence)

    def _answer(self, prepared: PreparedGenerate, choice: int) -> Answer:
        message, transcript = prepared.message, prepared.transcripts[choice]
        tokens = [*prepared.tokens, *transcript.answered]
        sequence = Scheduled(
            id=next(self._ids),
            domain=message.domain,
            priority=message.priority,
            arrival=prepared.arrival,
            tokens=tokens,
            prompt_tokens=len(tokens),
            tokens_max=len(prepared.tokens) + transcript.tokens_max,
            is_open_ended=message.max_tokens is None,
            shares=message.cache_prompt,
        )
        seed = message.sampling.seed
        seed = self._chance.getrandbits(32) if seed is None else (seed + choice) & 0xFFFFFFFF
        sampling = msgspec.structs.replace(message.sampling, seed=seed)
        speculates = self._plan.speculation and self._backend.facts.can_trim
        return Answer(
            choice,
            sequence=sequence,
            sampler=self._backend.sampler(sampling, prepared.tokens, transcript.answered),
            transcript=transcript,
            lookup=Lookup() if speculates else None,
        )

    def _leave(self, identity: RequestId) -> None:
        request = self._requests.pop(identity, None)
        if request is None:
            return
        for answer in request.answers:
            self._drop(answer)

    def _drop(self, answer: Answer) -> None:
        if self._answers.pop(answer.sequence.id, None) is not None:
            self._scheduler.finish(answer.sequence.id)
            answer.close()

    # --- the turn --------------------------------------------------------------------------

    def _turn(self) -> None:
        self._speculate()
        step = self._scheduler.plan(self._pace.chunk())
        for move in step.moves:
            self._backend.move(move)
        if not step.rows:
            return
        started = self._clock()
        self._mark_admitted(step.rows, started)
        try:
            self._backend.decode(step.rows)
        except DecodeFailed as failure:
            self._survive(failure)
            return
        self._has_failed_for_room = False
        picks = self._pick(step.rows)
        now = self._clock()
        self._pace.observe(step.tokens, now - started)
        self._meter.count(self._prompt_tokens(step.rows), now - started)
        self._settle(step, picks, now)

    def _speculate(self) -> None:
        """Let those that decode guess ahead, while few of them do."""
        decoding = [a for _, a in self._answers.values() if not a.sequence.is_prefill]
        if len(decoding) > DRAFTERS_MAX:
            return
        for answer in decoding:
            sequence = answer.sequence
            room = sequence.tokens_max - len(sequence.tokens) - 1
            if answer.lookup is not None and room > 0:
                draft = answer.lookup.propose(sequence.tokens, room)
                if draft:
                    self._scheduler.propose(sequence.id, draft)

    def _mark_admitted(self, rows: Sequence[Row], now: float) -> None:
        for row in rows:
            request, answer = self._answers[row.sequence]
            if request.admitted is None:
                request.admitted = now
                prompt = len(request.prepared.tokens)
                request.usage_cached = min(answer.sequence.cached, prompt)
                self._meter.cached_tokens += answer.sequence.cached

    def _prompt_tokens(self, rows: Sequence[Row]) -> int:
        """Tokens of the step that belong to prompts; to be asked before it is committed."""
        prefills = (r for r in rows if self._answers[r.sequence][1].sequence.is_prefill)
        return sum(len(row.tokens) for row in prefills)

    def _pick(self, rows: Sequence[Row]) -> dict[int, Picked]:
        """Tokens for every row with logits; the slow samplers run side by side."""
        wanted: list[tuple[Row, int]] = []
        output = 0
        for row in rows:
            if row.logits:
                wanted.append((row, output))
            output += row.logits
        if len(wanted) > 1 and any(self._is_slow(row) for row, _ in wanted):
            picked = self._pool.map(lambda pair: self._pick_one(*pair), wanted)
        else:
            picked = map(lambda pair: self._pick_one(*pair), wanted)
        return {row.sequence: tokens for (row, _), tokens in zip(wanted, picked, strict=True)}

    def _is_slow(self, row: Row) -> bool:
        request, answer = self._answers[row.sequence]
        message = request.prepared.message
        return message.sampling.temperature > 0 or answer.transcript.constraint is not None

    def _pick_one(self, row: Row, output: int) -> Picked:
        request, answer = self._answers[row.sequence]
        top = request.prepared.message.top_logprobs
        return pick(self._backend, answer, row, output, top_logprobs=top)

    def _settle(self, step: Step, picks: dict[int, Picked], now: float) -> None:
        """Tell the clients, then let the scheduler know what became of the step."""
        self._report_progress(step.rows, now)
        ended: list[tuple[Request, Answer]] = []
        faults: dict[RequestId, InvalidGrammar] = {}
        chosen: dict[int, list[int]] = {}
        for row in step.rows:
            request, answer = self._answers[row.sequence]
            picked = picks.get(row.sequence)
            if picked is None:
                continue
            if picked.fault is not None:
                faults[request.prepared.message.request] = picked.fault
                continue
            chosen[row.sequence] = self._take(request, answer, picked, now)
            self._learn(request, answer, row, len(chosen[row.sequence]) - 1)
            if answer.transcript.reason is not None:
                ended.append((request, answer))
        self._scheduler.commit(step, chosen)
        for request, answer in ended:
            self._end(request, answer)
        for identity, fault in faults.items():
            self._events.append(refusal(identity, fault))
            self._leave(identity)

    def _take(self, request: Request, answer: Answer, picked: Picked, now: float) -> list[int]:
        """The tokens that count, told to the client."""
        if request.first_token is None:
            request.first_token = now
        transcript = answer.transcript
        parts: list[Part] = []
        taken, before = 0, transcript.tokens
        for token in picked.tokens:
            taken += 1
            completes = picked.completes and taken == len(picked.tokens)
            parts += transcript.take(token, completes=completes)
            if transcript.reason is not None:
                break
        visible = transcript.tokens - before  # The end of a turn is sampled but is not text.
        answer.untold += picked.tokens[:visible]
        self._meter.completion_tokens += visible
        self._say(request, answer, parts, picked.logprobs[:visible])
        return picked.tokens[:taken]

    @staticmethod
    def _learn(request: Request, answer: Answer, row: Row, right: int) -> None:
        drafted = row.logits - 1
        if drafted and answer.lookup is not None:
            request.drafted += drafted
            request.accepted += right
            answer.lookup.learn(len(answer.sequence.tokens), drafted, right)

    def _say(
        self, request: Request, answer: Answer, parts: list[Part], logprobs: list[TokenLogprob]
    ) -> None:
        """A delta, if there is something to tell; it counts all tokens since the last one."""
        message, tokens = request.prepared.message, answer.untold
        if not parts and not logprobs and not (message.with_tokens and tokens):
            return
        answer.untold = []
        self._events.append(
            Delta(
                request=message.request,
                choice=answer.choice,
                parts=parts,
                logprobs=logprobs,
                tokens=len(tokens),
                token_ids=tokens if message.with_tokens else [],
            )
        )

    def _end(self, request: Request, answer: Answer) -> None:
        identity, transcript = request.prepared.message.request, answer.transcript
        self._say(request, answer, transcript.finish(), [])
        reason = transcript.reason
        assert reason is not None
        self._events.append(
            Ended(request=identity, choice=answer.choice, reason=reason, stop=transcript.stop)
        )
        self._drop(answer)
        request.open -= 1
        if request.open == 0:
            self._events.append(request.completed(self._clock()))
            del self._requests[identity]

    def _report_progress(self, rows: Sequence[Row], now: float) -> None:
        for row in rows:
            request, answer = self._answers[row.sequence]
            sequence = answer.sequence
            done = min(row.position + len(row.tokens), sequence.prompt_tokens)
            if not request.prepared.message.progress or answer.choice or done <= request.reported:
                continue
            request.reported = done
            self._events.append(
                Progress(
                    request=request.prepared.message.request,
                    total=sequence.prompt_tokens,
                    cached=request.usage_cached,
                    processed=done,
                    ms=(now - (request.admitted or now)) * 1000,
                )
            )

    # --- when it goes wrong ----------------------------------------------------------------

    def _survive(self, failure: DecodeFailed) -> None:
        """No room although the account says there is: give up the cache, then the latest request.

        Raises: the failure itself when it was not about room; the engine cannot go on then.
        """
        if not failure.is_room:
            raise failure
        if not self._has_failed_for_room:
            self._has_failed_for_room = True
            self._scheduler.forget_kept()
            return
        identity = max(self._requests, key=lambda r: self._requests[r].prepared.arrival)
        full = Busy(
            "the model's memory is full",
            retry_after_seconds=1,
            remedy="Try again, or load the model with a larger context.",
        )
        self._events.append(refusal(identity, full))
        self._leave(identity)

    def _tell(self) -> None:
        """Send what this turn has to say, gauges among it when it is time."""
        occupancy = self._scheduler.occupancy
        gauges = self._meter.report(self._clock(), occupancy, is_idle=not self._requests)
        if gauges is not None:
            self._events.append(gauges)
        if self._events:
            self._send(self._events)
            self._events = []


def _limits(backend: Backend) -> Limits:
    """The plan's sizes; what a parked cell takes in RAM is measured once, on a few tokens."""
    plan = backend.facts.plan
    token = next(t for t in range(backend.vocabulary.size) if not backend.vocabulary.is_control(t))
    probe = Row(0, PROBE_SLOT, 0, [token] * PROBE_TOKENS, 0)
    backend.decode([probe])
    cell_bytes = max(backend.state_bytes(PROBE_SLOT) // PROBE_TOKENS, 1)
    backend.move(Trim(PROBE_SLOT, 0))
    return Limits(
        cells=plan.cells,
        slots=plan.slots,
        sequences=plan.sequences,
        step_tokens=plan.step_tokens,
        can_trim=backend.facts.can_trim,
        saved_cells_max=plan.parked_bytes_max // cell_bytes,
    )
