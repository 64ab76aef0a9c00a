"""Failover: whether somebody else is asked after an attempt ended badly, and from where on.

Errors are of three classes. A client's mistake comes out the same on every machine. The host has
looked for one before anybody was asked, so what a machine refuses may be a matter of its own: its
context is shorter than it said, its program is older, or it lies. A second machine is asked then,
and no third. If that one refuses too, or there is nobody else to ask, the refusal stands, in words
of the host's own and never in a machine's; if it answers, the first one has failed. An error that
may be the job's fault (the engine fell while it computed this) is tried once more elsewhere; a
second worker with the same shows that it is. All else is the worker's, and the job goes on as long
as workers get on with it.
"""

from typing import Final

from app.core.pool.jobs.job import Attempt, AttemptEnd, Job

CLIENT_MISTAKES: Final[dict[str, str]] = {
    "invalid_request": "The request cannot be done as it is written.",
    "context_length_exceeded": "The prompt, or one of several inputs, is longer than the context, "
    "which has {context} tokens.",
    "template_error": "The model's chat template refuses these messages.",
    "invalid_grammar": "No answer can be held to this schema or grammar.",
    "request_too_large": "The request, or what it asks for, is larger than a message of the pool.",
    "unsupported": "The model cannot do what the request asks for.",
}
"""Words of core/base/errors with which a worker refuses what is wrong with the request itself, and
what the caller is told then. `{context}`: of the machine, as it registered it."""

REFUSALS_MAX: Final = 2
"""So many machines refuse a request before it stands that it is wrong."""

SUSPECT: Final = frozenset({"engine_failed", "internal"})
"""Words after which nobody can tell whether the job or the worker was at fault."""

OWN_WILL: Final = frozenset[AttemptEnd]({"preempted", "rejected"})
"""Ends that are no failure of anybody."""

SUSPECT_MAX: Final = 2
IDLE_MAX: Final = 3
"""Attempts in a row that delivered nothing and were no worker's free will."""
ATTEMPTS_MAX: Final = 32
"""Offers in all, rejected ones too: at some point nobody will."""


def answered_of(job: Job) -> tuple[int, ...]:
    """Every token that was delivered: the next attempt begins after them."""
    return job.answer


def has_another_chance(job: Job) -> bool:
    """Whether another worker is to be asked for what is missing."""
    request = job.request
    if request.is_sealed or request.worker is not None:
        return False  # nobody else can open it, or may do it
    if len(job.attempts) >= ATTEMPTS_MAX or suspects(job) >= SUSPECT_MAX:
        return False
    if len(refusals(job)) >= REFUSALS_MAX:
        return False
    return idle_attempts(job) < IDLE_MAX


def is_clients_mistake(kind: str) -> bool:
    """Whether it would come out the same on every machine."""
    return kind in CLIENT_MISTAKES


def refusals(job: Job) -> list[Attempt]:
    """Attempts whose workers refused the request as a client's mistake."""
    return [attempt for attempt in job.attempts if attempt.end == "refused"]


def contradicted(job: Job) -> list[Attempt]:
    """Refusals of a request that another worker answered."""
    return refusals(job) if job.ending in ("completed", "length") else []


def stands_refused(job: Job, *, is_asked_out: bool) -> bool:
    """Whether a refusal is told. `is_asked_out`: the line had nobody else in its time."""
    refused = len(refusals(job))
    is_alone = is_asked_out or job.request.is_sealed or job.request.worker is not None
    return not job.delivered and (refused >= REFUSALS_MAX or (refused > 0 and is_alone))


def suspects(job: Job) -> int:
    """Workers on which the engine fell while it computed this job."""
    return len({a.placement.worker for a in job.attempts if a.end == "failed" and a.why in SUSPECT})


def idle_attempts(job: Job) -> int:
    """Of the last attempts, those that delivered nothing by no free will of their workers."""
    idle = 0
    for attempt in reversed(job.attempts):
        if attempt.tokens:
            break
        idle += attempt.end not in OWN_WILL
    return idle


def may_be_asked_again(attempt: Attempt) -> bool:
    """Whether the same worker may get this job once more: it came back, or has a slot again."""
    return attempt.end == "gone" or (attempt.end == "rejected" and attempt.why == "no_slot")
