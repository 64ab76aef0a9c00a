"""Deadlines: when a job that hears nothing does something by itself, for each phase.

No phase but `submitted` waits for ever, and that one waits for the books, which always answer.
"""

from typing import assert_never

from app.core.base.units import Microseconds
from app.core.pool.jobs.job import Job
from app.core.pool.jobs.money import renewal_at
from app.core.pool.jobs.rules import JobRules
from app.core.pool.jobs.turn import after


def due_at(job: Job, rules: JobRules) -> Microseconds | None:
    """When the job wants a `Tick`; None where only a happening moves it on."""
    seconds = allowance(job, rules)
    times = [
        None if seconds is None else after(job.waiting_since, seconds),
        renewal_at(job, rules.renew_seconds),
    ]
    return min((time for time in times if time is not None), default=None)


def is_due(job: Job, rules: JobRules, now: Microseconds) -> bool:
    """Whether the phase lasts too long."""
    seconds = allowance(job, rules)
    return seconds is not None and now >= after(job.waiting_since, seconds)


def allowance(job: Job, rules: JobRules) -> float | None:
    """Seconds that the phase may last without any news."""
    attempt = job.current
    match job.phase:
        case "held":
            return job.request.queue_seconds
        case "dispatched" | "offered":
            return rules.accept_seconds
        case "accepted":
            assert attempt is not None
            cold = rules.cold_seconds if attempt.is_cold else 0.0
            return attempt.placement.first_seconds + cold
        case "running":
            assert attempt is not None
            return attempt.placement.gap_seconds
        case "stopping":
            return rules.stop_seconds
        case "counting":
            return rules.count_seconds
        case "settling":
            if job.is_asking:
                return None  # the books always answer, if only that they cannot
            doubled = rules.settle_again_seconds * 2.0 ** min(job.settle_tries - 1, 16)
            return min(doubled, rules.settle_again_seconds_max)
        case "submitted" | "settled" | "voided" | "lost":
            return None
        case _:
            assert_never(job.phase)
