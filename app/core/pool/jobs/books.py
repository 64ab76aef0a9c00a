"""Books: what their answers do to a job."""

from typing import Final, assert_never

from app.core.ledger.commands import EventId
from app.core.ledger.result import Result
from app.core.pool.jobs import closing, money, stream
from app.core.pool.jobs.effects import Log
from app.core.pool.jobs.happenings import Booked, BooksFailed, Recorded
from app.core.pool.jobs.job import Ending
from app.core.pool.jobs.telling import tell
from app.core.pool.jobs.turn import Turn

SETTLE_TRIES_BEFORE_TOLD: Final = 2
"""Then the caller hears the end of its answer, though the cost is not in the books yet."""

CANNOT_WRITE: Final = "The pool's books cannot be written at present."


def books_answered(turn: Turn, happening: Booked | BooksFailed | Recorded) -> None:
    """An answer of the books; one that nobody waits for changes nothing."""
    match happening:
        case Booked():
            _booked(turn, happening)
        case BooksFailed():
            _failed(turn, happening.command)
        case Recorded():
            _recorded(turn, happening.command)
        case _:
            assert_never(happening)


def _booked(turn: Turn, happening: Booked) -> None:
    job, outcome = turn.job, happening.outcome
    hold = money.hold_id(job)
    if happening.command == hold and job.phase == "submitted":
        _reserved(turn, happening)
    elif happening.command == money.end_id(job) and job.phase == "settling":
        if not outcome.result.is_in_books:
            fields: dict[str, str | int | float] = {"result": outcome.result.name.lower()}
            turn.want(Log(job=job.request.job, message="settlement refused", fields=fields))
        closing.close(turn, is_paid=outcome.result.is_in_books)
    elif happening.command == money.window_id(job) and job.is_asking and job.phase != "settling":
        if outcome.result.is_in_books:
            money.granted(turn, outcome)
        else:
            money.refused(turn, outcome)
        stream.flow(turn)


def _reserved(turn: Turn, happening: Booked) -> None:
    outcome = happening.outcome
    match outcome.result:
        case Result.DONE:
            money.granted(turn, outcome)
            turn.change("hold")
        case Result.EXISTS | Result.EXISTS_WITH_DIFFERENT_FIELDS:
            text = "A request of this name was begun before, and its answer is not kept."
            _void(turn, "refused", "request_conflict", text)
            return
        case _:
            turn.set(is_asking=False, windows=0, available=outcome.available)
            if not turn.job.request.may_use_own:
                unfunded(turn, "")
                return
            turn.set(is_free=True)
            turn.change("hold")
    if turn.job.has_caller_left:
        closing.finish(turn, "cancelled")
    else:
        closing.find_worker(turn)


def unfunded(turn: Turn, message: str) -> None:
    """The balance, or what the caller allows, does not pay for the beginning."""
    least = money.needed(turn.job, turn.rules.least_tokens)
    turn.set(needed=least)
    fields: dict[str, str | int | float] = {"needed": least, "held": 0}
    turn.want(Log(job=turn.job.request.job, message="hold refused", fields=fields))
    _void(turn, "unfunded", "credits_short", message)


def _void(turn: Turn, ending: Ending, kind: str, message: str) -> None:
    """It ends before anything is held."""
    turn.set(ending=ending, kind=kind, message=message, is_asking=False)
    turn.change("void")
    tell(turn, is_paid=True)


def _recorded(turn: Turn, command: EventId) -> None:
    attempt = turn.job.current
    if attempt is None or attempt.is_recorded:
        return
    if command == money.record_id(turn.job, attempt.number):
        turn.set_attempt(is_recorded=True)
        turn.change("record")
        stream.flow(turn)


def _failed(turn: Turn, command: EventId) -> None:
    job = turn.job
    attempt = job.current
    if command == money.hold_id(job) and job.phase == "submitted":
        turn.set(retry_after_seconds=turn.rules.settle_again_seconds_max)
        _void(turn, "unserved", "busy", CANNOT_WRITE)
    elif command == money.end_id(job) and job.phase == "settling":
        turn.set(settle_tries=job.settle_tries + 1, is_asking=False)
        turn.got_on()
        if turn.job.settle_tries >= SETTLE_TRIES_BEFORE_TOLD and not job.is_told:
            tell(turn, is_paid=False)
    elif command == money.window_id(job) and job.is_asking:
        money.put_off(turn)  # asked again with the next chunk
        if job.withheld:
            _cannot_go_on(turn)
    elif attempt is not None and command == money.record_id(job, attempt.number):
        _cannot_go_on(turn)


def _cannot_go_on(turn: Turn) -> None:
    """What cannot be written down cannot be paid, so it is not delivered."""
    if turn.job.phase != "stopping":
        ending: Ending = "interrupted" if turn.job.delivered else "unserved"
        closing.stop(turn, ending, "elsewhere", "busy", CANNOT_WRITE)
