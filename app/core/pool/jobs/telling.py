"""Telling: the end of a job as its caller hears it."""

from app.core.base.units import Micros
from app.core.pool.jobs import money
from app.core.pool.jobs.effects import End
from app.core.pool.jobs.turn import Turn


def tell(turn: Turn, *, is_paid: bool) -> None:
    """The last event of the job. Without payment in the books yet its cost is not known: then it
    is told once more when it is (`closing.close`).
    """
    job = turn.job
    assert job.ending is not None
    settlement = job.settlement
    delivering = [a for a in job.attempts if a.tokens] or list(job.attempts)
    charge = Micros(0) if settlement is None else settlement.charge
    counted = money.counted(turn)
    prompt, cached, answer = 0, 0, 0
    if counted is not None:
        prompt, cached = counted.prompt_tokens, counted.cached_tokens
        answer = counted.answer_tokens
    turn.set(is_told=True)
    turn.want(
        End(
            job=job.request.job,
            ending=job.ending,
            prompt_tokens=prompt,
            cached_tokens=cached,
            answer_tokens=answer,
            delivered_tokens=answer if job.request.is_sealed else job.delivered,
            cost=charge if is_paid else None,
            served_by=delivering[-1].placement.name if delivering else "",
            sha256=job.candidate.sha256 if job.is_picked else "",
            attempts=len(job.attempts),
            kind=job.kind,
            message=job.message,
            available=job.available,
            needed=job.needed,
            retry_after_seconds=job.retry_after_seconds,
        )
    )
