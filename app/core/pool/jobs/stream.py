"""Stream: from chunks of the current worker to events for the caller, as far as a hold covers."""

from app.core.pool.jobs import closing, money
from app.core.pool.jobs.effects import Deliver
from app.core.pool.jobs.job import AnswerEvent
from app.core.pool.jobs.turn import Turn
from app.wire.engine import Begun, Delta, Embedded, Ended, Generate, Part, Progress
from app.wire.pool import Chunk, Sealed


def take_chunk(turn: Turn, chunk: Chunk) -> None:
    """A chunk of the current attempt: a fault ends the attempt, else it flows on."""
    fault = turn.rules.fault_of(turn.job, turn.attempt, chunk)
    if turn.job.phase == "stopping":
        if turn.job.has_caller_left and not fault:
            turn.set_attempt(undelivered=turn.attempt.undelivered + len(chunk.tokens))
        return
    if fault:
        closing.fail(turn, "faulty", fault)
        return
    has_tokens = bool(chunk.tokens) or chunk.sealed is not None
    turn.set_attempt(
        spoke_at=turn.attempt.spoke_at or (turn.now if has_tokens else None),
        heard_at=turn.now if has_tokens else turn.attempt.heard_at,
    )
    if has_tokens or turn.job.request.is_embedding:
        turn.change("speak")
        turn.got_on()
    waiting = (chunk.sealed,) if chunk.sealed is not None else tuple(chunk.events)
    turn.set(withheld=(*turn.job.withheld, *waiting))
    flow(turn)


def flow(turn: Turn) -> None:
    """Deliver what is withheld, as far as the attempt is in the books and the hold covers it."""
    job = turn.job
    attempt = job.current
    if attempt is None or not attempt.is_recorded or job.phase == "stopping":
        return
    room = money.covered(job) - job.delivered
    ready: list[AnswerEvent | Sealed] = []
    for event in job.withheld:
        room -= len(event.token_ids) if isinstance(event, Delta) else 0
        if room < 0:
            break
        ready.append(event)
    turn.set(withheld=job.withheld[len(ready) :])
    _deliver(turn, ready)
    money.extend_if_needed(turn)
    if not turn.job.withheld:
        if turn.job.is_finished:
            closing.completed(turn)
        return
    if turn.job.is_exhausted and not turn.job.is_asking:
        closing.stop(turn, "credit_exhausted", "credits")


def _deliver(turn: Turn, ready: list[AnswerEvent | Sealed]) -> None:
    """What is told is written down first: it is paid for whatever becomes of the socket."""
    told: list[AnswerEvent | Sealed] = []
    tokens: list[int] = []
    parts: list[Part] = []
    for event in ready:
        if isinstance(event, Delta):
            tokens += event.token_ids
            parts += event.parts
        if _is_told(turn, event, is_first=not tokens):
            told.append(event)
        _note(turn, event)
    if tokens or parts:
        before = turn.attempt
        turn.set_attempt(tokens=before.tokens + tuple(tokens), parts=before.parts + tuple(parts))
    if told:
        turn.want(Deliver(job=turn.job.request.job, events=tuple(told)))


def _is_told(turn: Turn, event: AnswerEvent | Sealed, *, is_first: bool) -> bool:
    """Whether the caller hears of it. `is_first`: no token came before it in this delivery."""
    match event:
        case Begun():
            return not turn.job.has_begun  # not that of another worker: the caller sees no seam
        case Progress():
            body = turn.job.request.body
            is_wanted = isinstance(body, Generate) and body.progress
            return is_wanted and is_first and not turn.job.delivered
        case Delta():
            return bool(event.parts or event.logprobs)  # else its text is held back
        case _:
            return True


def _note(turn: Turn, event: AnswerEvent | Sealed) -> None:
    """What the job remembers of it, besides tokens and text."""
    match event:
        case Begun():
            turn.set(has_begun=True)
        case Progress() if event.processed >= event.total:
            turn.set_attempt(told_cached=event.cached)
        case Ended():
            turn.set(is_whole=True, is_cut=event.reason == "length")
        case Embedded():
            turn.set(is_whole=True)
            turn.set_attempt(told_cached=0)
        case Sealed():
            sealed = turn.attempt.sealed_bytes + len(event.ciphertext)
            turn.set_attempt(sealed_bytes=sealed)
        case _:
            pass
