"""Worker: what the frames of a worker do to a job."""

from typing import assert_never

from app.core.pool.jobs import closing, failover, stream
from app.core.pool.jobs.happenings import Heard, WorkerGone
from app.core.pool.jobs.job import Attempt
from app.core.pool.jobs.turn import Turn
from app.wire.pool import Accepted, Chunk, Finished, Rejected


def heard(turn: Turn, happening: Heard) -> None:
    """A frame; of an attempt that is over only its receipt still counts."""
    frame, attempt = happening.frame, turn.job.current
    if attempt is None or not _is_of(attempt, happening):
        if isinstance(frame, Finished):
            _late_receipt(turn, happening, frame)
        return
    match frame:
        case Accepted():
            _accepted(turn, frame)
        case Rejected():
            if attempt.accepted_at is None:
                closing.fail(turn, "rejected", frame.code, frame.retry_after_seconds)
            else:
                closing.fail(turn, "faulty", "rejected_after_accepted")
        case Chunk():
            stream.take_chunk(turn, frame)
        case Finished():
            _finished(turn, happening, frame)
        case _:
            assert_never(frame)


def _is_of(attempt: Attempt, happening: Heard) -> bool:
    return (
        attempt.number == happening.frame.attempt and attempt.placement.worker == happening.worker
    )


def gone(turn: Turn, happening: WorkerGone) -> None:
    """The session of a worker ended: if it was this job's, somebody else goes on."""
    attempt = turn.job.current
    if attempt is not None and attempt.placement.worker == happening.worker:
        closing.fail(turn, "gone")


def _accepted(turn: Turn, frame: Accepted) -> None:
    if turn.attempt.accepted_at is not None:
        return
    turn.set_attempt(accepted_at=turn.now, is_cold=frame.is_cold)
    turn.change("accept")


def _late_receipt(turn: Turn, happening: Heard, frame: Finished) -> None:
    """Of an attempt that was given up: what it delivered is paid better with its receipt.

    Once the sums are made the receipt changes none of them, but it wants its verdict: its worker
    keeps it until then.
    """
    job = turn.job
    if frame.attempt >= len(job.attempts):
        return
    attempt = job.attempts[frame.attempt]
    if not _is_of(attempt, happening) or attempt.receipt or happening.receipt is None:
        return
    turn.set_attempt_at(frame.attempt, receipt=frame.receipt, signature=frame.signature)
    if job.phase != "settling":
        turn.set_attempt_at(frame.attempt, reported=happening.receipt)


def _finished(turn: Turn, happening: Heard, frame: Finished) -> None:
    if happening.receipt is not None:
        turn.set_attempt(
            reported=happening.receipt, receipt=frame.receipt, signature=frame.signature
        )
    kind = frame.refused.kind if frame.refused is not None else ""
    if turn.job.phase == "stopping":
        closing.end_attempt(turn, "cancelled")
        closing.finish(turn)
    elif frame.receipt and happening.receipt is None:
        closing.fail(turn, "faulty", "receipt")
    elif frame.reason == "completed":
        turn.set(is_finished=True)
        stream.flow(turn)
    elif frame.reason == "preempted":
        closing.fail(turn, "preempted")
    elif frame.reason == "refused" and not turn.job.delivered:
        closing.fail(turn, "refused" if failover.is_clients_mistake(kind) else "failed", kind)
    else:
        why = kind if frame.reason in ("failed", "refused") else "unasked"
        closing.fail(turn, "failed", why)
