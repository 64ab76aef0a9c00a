"""End: of an attempt, and of the job: stop, count, settle, tell the caller, sign.

However it ends, the way is the same: `ending` is set once, every attempt that delivered is counted,
the books are asked once (the same command until they answer), and then the caller hears the end.
"""

from typing import Final, Literal

import msgspec

from app.core.ledger.commands import Settle, Void
from app.core.pool.jobs import failover, money
from app.core.pool.jobs.effects import (
    Book,
    CancelAttempt,
    Countersign,
    FindWorker,
    LeaveQueue,
    Log,
    MeasureAttempt,
    Observe,
    ObserveCount,
)
from app.core.pool.jobs.job import AttemptEnd, Ending
from app.core.pool.jobs.telling import tell
from app.core.pool.jobs.turn import Turn
from app.wire.engine import Delta, Embed, Generate, Measure
from app.wire.pool import CancelJob, Sealed

Why = Literal["client", "credits", "deadline", "elsewhere", "stopping"]

STILL_AT_WORK: Final = frozenset[AttemptEnd]({"stalled", "faulty"})
"""Ends after which the worker may compute on: it is told to stop."""


def end_attempt(turn: Turn, end: AttemptEnd, why: str = "", retry_after: float = 0.0) -> None:
    """The current attempt is over: whatever it says from now on is ignored."""
    job, attempt = turn.job, turn.attempt
    worker, name = attempt.placement.worker, job.request.job
    turn.set(withheld=(), is_finished=False)
    turn.set_attempt(end=end, why=why)
    if not failover.may_be_asked_again(turn.job.attempts[-1]):
        turn.set(avoided=job.avoided | {worker})
    if end in STILL_AT_WORK:
        cancel = CancelJob(job=name, attempt=attempt.number, why="elsewhere")
        turn.want(CancelAttempt(worker=worker, cancel=cancel))
    turn.want(
        Observe(
            worker=worker,
            sha256=attempt.placement.sha256,
            end=end,
            why=why,
            prompt_tokens=job.candidate.prompt_tokens + attempt.first,
            first_milliseconds=1000 * turn.seconds(attempt.accepted_at, attempt.spoke_at),
            tokens=len(attempt.tokens) + attempt.undelivered,
            decode_milliseconds=1000 * turn.seconds(attempt.spoke_at, attempt.heard_at),
            is_cold=attempt.is_cold,
            retry_after_seconds=retry_after,
            is_own=attempt.placement.circle == "own",
        )
    )
    fields: dict[str, str | int | float] = {
        "attempt": attempt.number,
        "worker": worker,
        "end": end,
        "why": why,
        "first": attempt.first,
        "tokens": len(attempt.tokens),
    }
    turn.want(Log(job=name, message="attempt ended", fields=fields))
    _measure(turn)


def _measure(turn: Turn) -> None:
    """Have the last attempt counted, if it delivered anything that can be counted."""
    job, attempt = turn.job, turn.job.attempts[-1]
    body = job.request.body
    has_work = bool(attempt.tokens) or (job.request.is_embedding and attempt.end == "completed")
    if isinstance(body, Sealed) or not has_work:
        return
    work = body_after(body, job.answer[: attempt.first])
    assert not isinstance(work, Sealed)
    turn.set_attempt(is_measuring=True)
    turn.want(
        MeasureAttempt(
            job=job.request.job,
            attempt=attempt.number,
            sha256=attempt.placement.sha256,
            measure=Measure(
                request=work.request,
                work=work,
                tokens=list(attempt.tokens),
                parts=list(attempt.parts),
            ),
        )
    )


def body_after(
    body: Generate | Embed | Sealed, answered: tuple[int, ...]
) -> Generate | Embed | Sealed:
    """The body as it is sent to a worker that goes on after these tokens."""
    if not isinstance(body, Generate):
        return body
    return msgspec.structs.replace(body, answered=list(answered), with_tokens=True)


def fail(turn: Turn, end: AttemptEnd, why: str = "", retry_after: float = 0.0) -> None:
    """The current attempt ended badly: somebody else goes on after what was delivered, or nobody.

    An answer whose last event was delivered is whole whatever becomes of its worker.
    """
    if turn.job.is_whole:
        end_attempt(turn, "completed")
        finish(turn, "length" if turn.job.is_cut else "completed")
        return
    end_attempt(turn, end, why, retry_after)
    if turn.job.phase == "stopping":
        finish(turn)
    elif turn.rules.has_another_chance(turn.job):
        turn.change("fail")
        find_worker(turn)
    elif failover.stands_refused(turn.job, is_asked_out=False):
        refuse(turn)
    else:
        give_up(turn)


def find_worker(turn: Turn) -> None:
    """Get in line for a worker, with what the last ones delivered."""
    job = turn.job
    turn.want(
        FindWorker(
            request=job.request,
            sha256=job.candidate.sha256 if job.is_picked else "",
            answered=job.delivered,
            attempts=len(job.attempts),
            avoided=job.avoided,
            is_free=job.is_free,
            is_refused=bool(failover.refusals(job)) and not job.delivered,
        )
    )


def found_nobody(turn: Turn, message: str = "", kind: str = "") -> None:
    """The line had nobody for it."""
    if failover.stands_refused(turn.job, is_asked_out=True):
        refuse(turn)
    else:
        give_up(turn, message, kind)


def refuse(turn: Turn) -> None:
    """The last refusal stands, in words of ours: those of a machine may say anything."""
    last = failover.refusals(turn.job)[-1]
    context = last.placement.context or turn.job.candidate.context
    words = failover.CLIENT_MISTAKES[last.why].format(context=context)
    finish(turn, "refused", last.why, words)


def give_up(turn: Turn, message: str = "", kind: str = "") -> None:
    """Nobody goes on with it."""
    job = turn.job
    last = job.attempts[-1] if job.attempts else None
    if job.delivered:
        text = "The answer was cut short: its worker left, and nobody else could go on."
        finish(turn, "interrupted", kind or "engine_failed", message or text)
    elif last is None or all(a.end in failover.OWN_WILL for a in job.attempts):
        text = f"Nobody in the pool could take this request in time. {job.hindrance}".strip()
        finish(turn, "unserved", kind or "unserved", message or text)
    elif failover.suspects(job) >= failover.SUSPECT_MAX:
        text = "The engines of two workers fell over this request; it is not tried again."
        finish(turn, "failed", kind or "engine_failed", message or text)
    else:
        text = "The workers that were asked could not answer; try again."
        finish(turn, "failed", kind or "unserved", message or text)


def stop(turn: Turn, ending: Ending, why: Why, kind: str = "", message: str = "") -> None:
    """The job ends before its answer does: what was delivered stands, the worker is told."""
    turn.set(ending=ending, kind=kind, message=message)
    if turn.job.phase == "held":
        turn.want(LeaveQueue(job=turn.job.request.job))
        finish(turn)
        return
    waiting = sum(len(e.token_ids) for e in turn.job.withheld if isinstance(e, Delta))
    if turn.job.has_caller_left:
        turn.set_attempt(undelivered=waiting)
    was_finished = turn.job.is_finished
    turn.set(withheld=(), is_finished=False)
    turn.change("stop")
    if was_finished:
        end_attempt(turn, "cancelled")
        finish(turn)
        return
    attempt = turn.attempt
    cancel = CancelJob(job=turn.job.request.job, attempt=attempt.number, why=why)
    turn.want(CancelAttempt(worker=attempt.placement.worker, cancel=cancel))


def completed(turn: Turn) -> None:
    """The worker is done, and all that it said was delivered."""
    job = turn.job
    if not (job.is_whole or job.request.is_sealed):
        fail(turn, "faulty", "no_end")
        return
    end_attempt(turn, "completed")
    finish(turn, "length" if job.is_cut else "completed")


def finish(turn: Turn, ending: Ending | None = None, kind: str = "", message: str = "") -> None:
    """Nothing more will be computed: what is left is counting and money."""
    if turn.job.ending is None:
        assert ending is not None, "a job ends for a reason"
        turn.set(ending=ending, kind=kind, message=message)
    turn.change("end")
    count(turn)


def count(turn: Turn) -> None:
    """When the last count is there, settle."""
    job = turn.job
    if job.phase != "counting" or any(a.is_measuring for a in job.attempts):
        return
    if _waits_for_caller(turn):
        return
    for attempt in job.attempts:
        if attempt.counted is not None:
            # Only of a whole answer: who was told to stop has computed more than was delivered.
            reported = attempt.reported if attempt.end == "completed" else None
            turn.want(
                ObserveCount(
                    worker=attempt.placement.worker,
                    sha256=attempt.placement.sha256,
                    differs=attempt.counted.differs,
                    delivered=len(attempt.tokens),
                    reported=None if reported is None else reported.answer,
                )
            )
    turn.change("count")
    turn.set(settlement=money.settle(turn))
    book(turn)


def _waits_for_caller(turn: Turn) -> bool:
    """Of a sealed answer the caller's node counts, if it is still there."""
    job = turn.job
    is_whole = job.ending in ("completed", "length") and job.request.is_sealed
    seconds = turn.seconds(job.waiting_since, turn.now)
    is_late = seconds >= turn.rules.count_seconds
    return is_whole and job.caller_counted is None and not job.has_caller_left and not is_late


def book(turn: Turn) -> None:
    """Ask the books to end the hold: by paying, or without a charge. The same until they answer."""
    job = turn.job
    assert job.settlement is not None
    if job.windows == 0:
        close(turn, is_paid=True)
        return
    hold, name = money.hold_id(job), money.end_id(job)
    postings = job.settlement.postings
    command: Settle | Void
    if postings:
        command = Settle(id=name, at=turn.now, hold=hold, postings=postings)
    else:
        command = Void(id=name, at=turn.now, hold=hold)
    turn.set(is_asking=True)
    turn.want(Book(command=command))


def close(turn: Turn, *, is_paid: bool) -> None:
    """The money is where it belongs: tell the caller and sign for the workers.

    Without `is_paid` the books refused the settlement: nobody paid, so nobody earned.
    """
    if not is_paid:
        turn.set(settlement=money.unpaid(turn))
    job = turn.job
    assert job.settlement is not None and job.ending is not None
    delivered = any(a.tokens for a in job.attempts)
    if job.ending == "interrupted" and delivered:
        turn.change("lose")
    elif job.settlement.postings or delivered or job.ending in ("completed", "length"):
        turn.change("settle")
    else:
        turn.change("void")
    tell(turn, is_paid=True)
    for attempt, line in zip(job.attempts, job.settlement.lines, strict=True):
        # A verdict is about a receipt: whoever vanished gets one when it brings its own.
        if attempt.receipt:
            turn.want(
                Countersign(
                    request=job.request,
                    attempt=attempt,
                    line=line,
                    ending=job.ending,
                    caller_counted=job.caller_counted,
                )
            )
    fields: dict[str, str | int | float] = {
        "ending": job.ending,
        "attempts": len(job.attempts),
        "tokens": job.delivered,
        "charge": job.settlement.charge,
        "seconds": turn.seconds(job.submitted_at, turn.now),
    }
    turn.want(Log(job=job.request.job, message="job ended", fields=fields))
