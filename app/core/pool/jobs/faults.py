"""Faults: what no honest worker sends in a chunk. A chunk with a fault is not delivered at all."""

from typing import Final

from app.core.pool.jobs.job import Attempt, Job
from app.wire.engine import Delta, Embed, Embedded, Ended
from app.wire.pool import Chunk

TOKEN_MAX: Final = 2**31
"""No vocabulary is larger: ids are 32 bits with a sign."""


def fault_of(job: Job, attempt: Attempt, chunk: Chunk) -> str:
    """One word for what is wrong with it, "" where it may be delivered.

    "early": before it accepted. "late": after the answer's end. "range": its first token is not the
    next one, so it repeats, overlaps or leaves a gap. "tokens": its events are not made of its
    tokens. "vocabulary": the model has no such token, and the next worker could not go on after it.
    "too_many": more than was asked for. "sealing": words in a sealed job, or the reverse. "shape":
    events that the request cannot have.
    """
    if attempt.accepted_at is None:
        return "early"
    if job.is_whole or any(isinstance(e, Ended | Embedded) for e in job.withheld):
        return "late"
    if job.request.is_sealed or chunk.sealed is not None:
        is_sealed = job.request.is_sealed and chunk.sealed is not None
        return "" if is_sealed and not chunk.events and not chunk.tokens else "sealing"
    following = heard(job)
    if chunk.first != following:
        return "range"
    told = [token for e in chunk.events if isinstance(e, Delta) for token in e.token_ids]
    if told != list(chunk.tokens):
        return "tokens"
    vocabulary = job.candidate.vocabulary or TOKEN_MAX
    if not all(0 <= token < vocabulary for token in told):
        return "vocabulary"
    if following + len(told) > job.tokens_max:
        return "too_many"
    return _shape_of(job, chunk)


def heard(job: Job) -> int:
    """Tokens of answer that were delivered, wait for that, or came after the caller had left."""
    waiting = sum(len(e.token_ids) for e in job.withheld if isinstance(e, Delta))
    beyond = job.attempts[-1].undelivered if job.attempts else 0
    return job.delivered + waiting + beyond


def _shape_of(job: Job, chunk: Chunk) -> str:
    body = job.request.body
    for place, event in enumerate(chunk.events):
        if isinstance(event, Embedded):
            is_right = isinstance(body, Embed) and len(event.vectors) == len(body.inputs)
        elif isinstance(event, Delta | Ended):
            is_right = not isinstance(body, Embed) and event.choice == 0
        else:
            is_right = True
        is_last = place == len(chunk.events) - 1
        if not is_right or (isinstance(event, Ended | Embedded) and not is_last):
            return "shape"
    return ""
