"""Steps: what each happening does to a job.

    job, effects = submit(request, now)
    job, effects = advance(job, happening, now)

`advance` takes any happening in any phase: what comes too late changes nothing. Between two calls
no time passes for the job; `now` may jump, which costs at most an attempt and never money.
"""

from typing import assert_never

import msgspec

from app.core.base.errors import RequestError
from app.core.base.units import Microseconds
from app.core.pool.jobs import closing, money
from app.core.pool.jobs.books import books_answered, unfunded
from app.core.pool.jobs.deadlines import due_at, is_due
from app.core.pool.jobs.effects import ArmTimer, Effect, LeaveQueue, Log, Record, SendOffer
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
from app.core.pool.jobs.job import OVER, UNDER_WAY, Attempt, Ending, Job, JobRequest, Placement
from app.core.pool.jobs.rules import RULES, JobRules
from app.core.pool.jobs.turn import Turn
from app.core.pool.jobs.worker import gone, heard
from app.wire.engine import Generate
from app.wire.pool import Offer

Step = tuple[Job, list[Effect]]


def submit(request: JobRequest, now: Microseconds, rules: JobRules = RULES) -> Step:
    """A new job, and what it wants first.

    Raises: RequestError where no candidate has room, or for more than one choice or no answer.
    """
    if isinstance(request.body, Generate):
        _check_answer(request.body)
    dearest = money.dearest(request.candidates, rules.window_tokens)
    job = Job(
        request=request,
        phase="submitted",
        submitted_at=now,
        waiting_since=now,
        candidate=dearest,
        is_free=request.wishes.trust == "own",
    )
    if not request.is_embedding and not request.is_sealed and job.tokens_max <= 0:
        raise RequestError(
            f"the prompt has {dearest.prompt_tokens} tokens and the context {dearest.context}",
            field="max_tokens",
            remedy="Shorten the prompt, or ask for a model with a longer context.",
        )
    turn = Turn(job, now, rules)
    least = money.needed(job, rules.least_tokens)
    if job.is_free:
        turn.change("hold")
        closing.find_worker(turn)
    elif request.cost_max is not None and least > request.cost_max:
        turn.set(available=request.cost_max)
        unfunded(turn, "The request's own cost_max allows an answer no more.")
    else:
        money.reserve(turn)
    return _armed(turn)


def _check_answer(body: Generate) -> None:
    if body.choices != 1:
        raise RequestError("a job has one answer: ask for each choice by itself", field="n")
    if body.max_tokens is not None and body.max_tokens <= 0:
        raise RequestError(
            "an answer of the pool has one token at least",
            field="max_tokens",
            remedy="Ask for one or more, or leave it out.",
        )


def advance(job: Job, happening: Happening, now: Microseconds, rules: JobRules = RULES) -> Step:
    """The job after the happening, and what it wants done, in order."""
    if job.phase in OVER:
        return job, []
    turn = Turn(job, now, rules)
    if now < job.waiting_since:
        turn.got_on()  # the clock went back: a deadline in its future would never come
    _apply(turn, happening)
    return _armed(turn)


def _apply(turn: Turn, happening: Happening) -> None:
    match happening:
        case Heard():
            heard(turn, happening)
        case WorkerGone():
            gone(turn, happening)
        case Tick():
            turn.set(armed_at=None)
            _tick(turn)
        case Booked() | BooksFailed() | Recorded():
            books_answered(turn, happening)
        case Placed():
            _placed(turn, happening.placement)
        case Unplaceable():
            _unplaceable(turn, happening)
        case CallerLeft():
            _caller_left(turn)
        case CallerCounted():
            _caller_counted(turn, happening)
        case MeasureDone():
            _measured(turn, happening)
        case HostStopping():
            _host_stopping(turn)
        case _:
            assert_never(happening)


def _armed(turn: Turn) -> Step:
    """Orders the timer, unless it was ordered for no later than it is needed."""
    due = due_at(turn.job, turn.rules)
    armed = turn.job.armed_at
    if due is not None and (armed is None or due < armed):
        turn.set(armed_at=due)
        turn.want(ArmTimer(job=turn.job.request.job, at=due))
    return turn.job, turn.effects


# --- dispatch, caller, counting, time ------------------------------------------------------------


def _placed(turn: Turn, placement: Placement) -> None:
    job = turn.job
    if job.phase != "held":
        return
    if not job.is_picked:
        picked = next(c for c in job.request.candidates if c.sha256 == placement.sha256)
        turn.set(candidate=picked, is_picked=True)
    assert placement.sha256 == turn.job.candidate.sha256, "an answer goes on with one content"
    assert not turn.job.is_free or placement.circle == "own", "nothing is held for others"
    answered = turn.rules.answered_of(turn.job)
    attempt = Attempt(
        number=len(job.attempts), placement=placement, first=len(answered), offered_at=turn.now
    )
    turn.set(attempts=(*job.attempts, attempt))
    turn.change("place")
    turn.want(
        Record(
            id=money.record_id(turn.job, attempt.number),
            job=job.request.job,
            attempt=attempt.number,
            worker=placement.worker,
            account=placement.account,
            sha256=placement.sha256,
            first=attempt.first,
            payer=job.request.account,
            prices=turn.job.candidate.prices,
            shares=job.request.shares,
            prompt_tokens=money.prompt_tokens(turn.job),
            is_embedding=job.request.is_embedding,
        )
    )
    turn.want(SendOffer(worker=placement.worker, offer=_offer(turn.job, attempt, answered)))
    fields: dict[str, str | int | float] = {
        "worker": placement.worker,
        "attempt": attempt.number,
        "first": attempt.first,
        "milliseconds": placement.milliseconds,
    }
    turn.want(Log(job=job.request.job, message="job placed", fields=fields))


def _offer(job: Job, attempt: Attempt, answered: tuple[int, ...]) -> Offer:
    request, prices = job.request, job.candidate.prices
    body = closing.body_after(request.body, answered)
    if isinstance(body, Generate) and attempt.placement.context > job.candidate.context:
        # It came later and could say more than the job has room for. To others their own context
        # is the limit: with one in the request they would keep all of it free for this answer.
        body = msgspec.structs.replace(body, max_tokens=job.tokens_max)
    return Offer(
        job=request.job,
        attempt=attempt.number,
        sha256=attempt.placement.sha256,
        body=body,
        first=attempt.first,
        prices=(prices.input, prices.cached_input, prices.output),
        domain=request.domain,
        circle=attempt.placement.circle,
        deadline_seconds=attempt.placement.gap_seconds,
        commitment_key=request.commitment_key,
    )


def _unplaceable(turn: Turn, happening: Unplaceable) -> None:
    if turn.job.phase != "held":
        return
    if happening.is_waiting:
        turn.set(hindrance=happening.message)
    else:
        turn.set(retry_after_seconds=happening.retry_after_seconds)
        closing.found_nobody(turn, happening.message, "unserved")


def _caller_counted(turn: Turn, happening: CallerCounted) -> None:
    if turn.job.caller_counted is None and turn.job.request.is_sealed:
        turn.set(caller_counted=happening.counted)
        closing.count(turn)


def _caller_left(turn: Turn) -> None:
    job = turn.job
    if job.has_caller_left:
        return
    turn.set(has_caller_left=True)
    if job.phase in ("counting", "settling"):
        closing.count(turn)  # it no longer waits for the caller's own count
    elif job.phase not in ("submitted", "stopping"):
        closing.stop(turn, "cancelled", "client")


def _measured(turn: Turn, happening: MeasureDone) -> None:
    attempts = list(turn.job.attempts)
    if happening.attempt >= len(attempts) or not attempts[happening.attempt].is_measuring:
        return
    turn.set_attempt_at(happening.attempt, counted=happening.counted, is_measuring=False)
    closing.count(turn)


def _host_stopping(turn: Turn) -> None:
    job = turn.job
    text = "The pool's host is stopping; try again in a minute."
    turn.set(retry_after_seconds=60.0)
    if job.phase in ("held", "dispatched", "offered", "accepted", "running"):
        ending: Ending = "interrupted" if job.delivered else "unserved"
        closing.stop(turn, ending, "stopping", "busy", text)


def _tick(turn: Turn) -> None:
    """A deadline, if one has passed; and the hold's time, if that is nearly over."""
    if turn.job.phase in UNDER_WAY:
        money.extend_if_needed(turn)
    if not is_due(turn.job, turn.rules, turn.now):
        return
    match turn.job.phase:
        case "held":
            turn.want(LeaveQueue(job=turn.job.request.job))
            closing.found_nobody(turn)
        case "dispatched" | "offered":
            closing.fail(turn, "stalled", "no_answer")
        case "accepted" | "running":
            closing.fail(turn, "stalled", turn.job.phase)
        case "stopping":
            closing.end_attempt(turn, "cancelled", "no_answer")
            closing.finish(turn)
        case "counting":
            for attempt in turn.job.attempts:
                turn.set_attempt_at(attempt.number, is_measuring=False)
            closing.count(turn)
        case "settling":
            closing.book(turn)
        case _:
            pass
