"""Money of a job: what is held in which windows, what a hold covers, the facts for settlement."""

import math
from typing import Final

import msgspec

from app.core.base.ids import AccountId
from app.core.base.units import Micros, Microseconds
from app.core.ledger import work
from app.core.ledger.accounts import user
from app.core.ledger.commands import EventId, Extend, Reserve
from app.core.ledger.pricing import MILLION, Prices
from app.core.ledger.result import Outcome
from app.core.ledger.settlement import Settlement
from app.core.pool.counts import prompt_bound
from app.core.pool.jobs.effects import Book, Log
from app.core.pool.jobs.faults import heard
from app.core.pool.jobs.job import UNDER_WAY, Attempt, Candidate, Ending, Job
from app.core.pool.jobs.turn import Turn, after, span
from app.wire.engine import CallBegun, Part
from app.wire.pool import Sealed

ENDS: Final[dict[Ending, work.End]] = {
    "completed": work.End.COMPLETED,
    "length": work.End.LENGTH,
    "credit_exhausted": work.End.CREDIT_EXHAUSTED,
    "cancelled": work.End.CANCELLED,
    "interrupted": work.End.INTERRUPTED,
    "failed": work.End.UNANSWERED,
    "refused": work.End.UNANSWERED,
    "unserved": work.End.UNANSWERED,
    "unfunded": work.End.UNANSWERED,
}


def hold_id(job: Job) -> EventId:
    """Of the reservation, which names the hold."""
    return EventId(f"job/{job.request.job}")


def window_id(job: Job) -> EventId:
    """Of the extension that was asked for last."""
    return EventId(f"{hold_id(job)}/{job.windows - 1}")


def record_id(job: Job, attempt: int) -> EventId:
    """Of the line about an attempt."""
    return EventId(f"{hold_id(job)}/attempt/{attempt}")


def end_id(job: Job) -> EventId:
    """Of what ends the hold."""
    return EventId(f"{hold_id(job)}/end")


def dearest(candidates: tuple[Candidate, ...], tokens: int) -> Candidate:
    """The candidate for which most must be held."""
    return max(candidates, key=lambda c: c.prices.to_hold(prompt=c.prompt_tokens, answer=tokens))


def covered(job: Job) -> int:
    """How many tokens of answer may be delivered by now; 2**63 - 1 for any number.

    The account's own devices cost nothing, so what they delivered needs no hold.
    """
    current = job.current
    is_own = current is not None and current.placement.circle == "own"
    if is_own or job.is_free or job.request.is_sealed:
        return (1 << 63) - 1
    paid = _held_for(job)
    return paid if paid < 0 else paid + _own_tokens(job)


def _held_for(job: Job) -> int:
    """Tokens of other people's devices that the hold pays for."""
    return tokens_for(job.held, job.candidate.prices, prompt=job.candidate.prompt_tokens)


def _own_tokens(job: Job) -> int:
    return sum(len(each.tokens) for each in job.attempts if each.placement.circle == "own")


def tokens_for(amount: Micros, prices: Prices, *, prompt: int) -> int:
    """Tokens of answer for which `amount` is enough, besides the prompt; below 0: not even that."""
    left = amount * MILLION - prompt * max(prices.input, prices.cached_input)
    if left < 0:
        return -1
    return left // prices.output if prices.output else (1 << 63) - 1


def needed(job: Job, tokens: int) -> Micros:
    """What the prompt and the first `tokens` of answer take, or fewer where there are fewer."""
    request, candidate = job.request, job.candidate
    if request.is_sealed:
        assert request.cost_max is not None, "a sealed job names its price"
        return request.cost_max
    answer = 0 if request.is_embedding else min(tokens, job.tokens_max)
    return candidate.prices.to_hold(prompt=candidate.prompt_tokens, answer=answer)


def reserve(turn: Turn) -> None:
    """Ask for the first window."""
    job, rules = turn.job, turn.rules
    least = needed(job, rules.least_tokens)
    amount = needed(job, rules.window_tokens) if job.request.answers == 1 else least
    if job.request.cost_max is not None:
        amount = min(amount, job.request.cost_max)
    assert least <= amount, "the job was refused before"
    turn.want(
        Book(
            command=Reserve(
                id=hold_id(job),
                at=turn.now,
                account=user(job.request.account),
                amount=amount,
                least=least,
                timeout=span(rules.hold_seconds),
                about=job.request.job,
            )
        )
    )
    turn.set(windows=1, is_asking=True)


def granted(turn: Turn, outcome: Outcome) -> None:
    """A window is in the books, perhaps a smaller one than was asked for."""
    job = turn.job
    turn.set(
        held=Micros(job.held + outcome.amount),
        hold_until=after(turn.now, turn.rules.hold_seconds),
        is_asking=False,
    )


def extend_if_needed(turn: Turn) -> None:
    """Ask for the next window when little is left of this one, or of its time."""
    job, rules = turn.job, turn.rules
    if job.is_free or job.is_asking or job.windows == 0:
        return
    amount, least = Micros(0), Micros(0)
    if _is_short(job, rules.extend_below_tokens):
        amount, least = _next_window(job, rules.window_tokens)
        if amount == 0:
            turn.set(is_exhausted=True)
    renewal = renewal_at(job, rules.renew_seconds)
    if amount == 0 and (renewal is None or turn.now < renewal):
        return
    turn.want(
        Book(
            command=Extend(
                id=EventId(f"{hold_id(job)}/{job.windows}"),
                at=turn.now,
                hold=hold_id(job),
                amount=amount,
                least=least,
                timeout=span(rules.hold_seconds),
            )
        )
    )
    turn.set(windows=job.windows + 1, is_asking=True)


def _is_short(job: Job, below: int) -> bool:
    """Whether the answer will soon be longer than what is held pays for."""
    if job.is_exhausted or job.request.is_sealed or job.request.is_embedding:
        return False
    return covered(job) < job.tokens_max and covered(job) - heard(job) <= below


def renewal_at(job: Job, renew_seconds: float) -> Microseconds | None:
    """When the hold needs more time; None where nothing is held, or the books are asked already."""
    if job.is_free or job.is_asking or job.windows == 0 or job.phase not in UNDER_WAY:
        return None
    return Microseconds(job.hold_until - span(renew_seconds))


def put_off(turn: Turn) -> None:
    """The books did not take an extension: the next look at the hold's time is later."""
    seconds = turn.rules.renew_seconds + turn.rules.settle_again_seconds_max
    later = max(turn.job.hold_until, after(turn.now, seconds))
    turn.set(is_asking=False, hold_until=later)


def _next_window(job: Job, window: int) -> tuple[Micros, Micros]:
    """So much more that the next window is covered, and one token at least."""
    prices, prompt = job.candidate.prices, job.candidate.prompt_tokens
    paid = max(_held_for(job), 0)
    until = min(paid + window, job.tokens_max - _own_tokens(job))
    wanted = prices.to_hold(prompt=prompt, answer=until) - job.held
    one = prices.to_hold(prompt=prompt, answer=paid + 1) - job.held
    if job.request.cost_max is not None:
        wanted = min(wanted, job.request.cost_max - job.held)
    if wanted < one:
        return Micros(0), Micros(0)
    return Micros(wanted), Micros(one)


def refused(turn: Turn, outcome: Outcome) -> None:
    """The balance does not cover one more token: what is held is all there will be."""
    put_off(turn)
    turn.set(is_exhausted=True, available=outcome.available)
    turn.want(
        Log(
            job=turn.job.request.job,
            message="hold refused",
            fields={"available": outcome.available, "held": turn.job.held},
        )
    )


def settle(turn: Turn) -> Settlement:
    """Who pays and who earns, now that the job has its ending and its counts."""
    assert turn.job.ending is not None
    return _settled(turn, ENDS[turn.job.ending])


def unpaid(turn: Turn) -> Settlement:
    """The settlement of which nothing came into the books."""
    return _settled(turn, work.End.UNKNOWN)


def _settled(turn: Turn, end: work.End) -> Settlement:
    job = turn.job
    return turn.rules.settle(
        ledger_job(job),
        tuple(_ledger_attempt(job, number) for number in range(len(job.attempts))),
        end,
        held=job.held,
    )


def counted(turn: Turn) -> Settlement | None:
    """The settlement with the tokens of the account's own devices counted as those of others,
    of which it has none since nothing is paid for them; None before there is one.
    """
    job = turn.job
    if all(attempt.placement.account != job.request.account for attempt in job.attempts):
        return job.settlement
    if job.settlement is None:
        return None
    assert job.ending is not None
    return turn.rules.settle(
        msgspec.structs.replace(ledger_job(job), payer=_SOMEBODY_ELSE),
        tuple(_ledger_attempt(job, number) for number in range(len(job.attempts))),
        ENDS[job.ending],
        held=job.held,
    )


_SOMEBODY_ELSE: Final = AccountId("")
"""Of whom no device is."""


def ledger_job(job: Job) -> work.Job:
    """What was agreed, as the money sees it."""
    request = job.request
    speed = job.attempts[-1].placement.tokens_per_second if job.attempts else 0.0
    return work.Job(
        payer=request.account,
        prices=job.candidate.prices,
        shares=request.shares,
        prompt=prompt_tokens(job),
        is_embedding=request.is_embedding,
        accepts_partial=request.accepts_partial,
        undelivered_max=math.ceil(max(0.0, speed)),
    )


def prompt_tokens(job: Job) -> int:
    """The smallest of the host's own counts; of a sealed job its caller's, or what bytes allow."""
    body = job.request.body
    if isinstance(body, Sealed):
        counted = job.caller_counted
        return prompt_bound(len(body.ciphertext)) if counted is None else counted.prompt_tokens
    counts = [a.counted.prompt_tokens for a in job.attempts if a.counted is not None]
    return min([job.candidate.prompt_tokens, *counts])


def _ledger_attempt(job: Job, number: int) -> work.Attempt:
    attempt = job.attempts[number]
    is_sealed = job.request.is_sealed
    return work.Attempt(
        number=attempt.number,
        worker=attempt.placement.account,
        first=attempt.first,
        end=attempt.first + _sealed_tokens(job, attempt) if is_sealed else attempt.stop,
        counted=_counted(attempt),
        reported=attempt.reported,
        told_cached=attempt.told_cached,
        is_prefilled=attempt.spoke_at is not None,
        undelivered=attempt.undelivered,
    )


def _sealed_tokens(job: Job, attempt: Attempt) -> int:
    """Tokens that were delivered of a sealed answer, however it ended: the smaller of both ends'
    counts, and a byte at least each. 0 where neither end says anything.
    """
    said = [] if attempt.reported is None else [attempt.reported.answer]
    if job.caller_counted is not None:
        said.append(job.caller_counted.answer_tokens)
    return max(0, min(attempt.sealed_bytes, *said)) if said else 0


def _counted(attempt: Attempt) -> int | None:
    """Tokens of the attempt by the host's count; None where it could not be counted.

    Where the words are not what the tokens say, tokens may hide that the caller never saw a word
    of: then no more count than bytes were delivered, since a token of text is a byte at least.
    """
    found = attempt.counted
    if found is None or not found.differs:
        return None if found is None else found.answer_tokens
    return min(found.answer_tokens, sum(len(_words(part).encode()) for part in attempt.parts))


def _words(part: Part) -> str:
    return part.name if isinstance(part, CallBegun) else part.text
