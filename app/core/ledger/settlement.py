"""Settlement: who pays and who earns at each end of a job. The one place that decides it.

    settlement = settle(job, attempts, end, held=...)
    await bookkeeper.submit(Settle(id=..., at=..., hold=..., postings=settlement.postings))

The rule in one line: no work, no charge; delivered work, always paid; never more than was held.

- A token of the answer is paid once, to the attempt that delivered it first, as often as the
  smallest count says: delivered by the host's own record, counted by the host's vocabulary,
  reported by the worker. Where an attempt ends in mid-word, its text alone may need a token less
  and the next one's a token more: the token is the former's, who delivered it.
- The prompt is paid once, to the first attempt that delivered and gave a receipt. A worker that
  vanished is paid only what it delivered; the prompt is that too where the answer was whole.
- What a later attempt had to compute again is paid by the fund, never by the user.
- An answer that was cut short and that nobody went on with costs the user nothing, unless the user
  takes part answers; what was delivered is then paid by the fund.
- Of a user's own device nothing is paid, charged or taken.
- Sums are exact until they are rounded: the charge once, half to even; shares downwards; what is
  left over goes to the rounding account, less than a micro for each share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import msgspec

from app.core.base.units import Micros
from app.core.ledger.accounts import FEES, FUND, ROUNDING, user
from app.core.ledger.commands import Posting
from app.core.ledger.pricing import MILLION, Shares, rounded
from app.core.ledger.work import Attempt, End, Job, Reported


@final
class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt is paid for, and how much. All zeros for a device of the payer's own."""

    attempt: int
    prompt: int = 0
    cached: int = 0
    """Of `prompt`."""
    answer: int = 0
    again: int = 0
    """Tokens of prompt and answer that were computed a second time; the fund pays them."""
    earned: Micros = Micros(0)
    """Both parts together, after the pool's fee."""
    from_fund: Micros = Micros(0)
    """Of `earned`."""


@final
class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The whole outcome. `postings` sum to zero; there are none where nothing moves."""

    charge: Micros
    """What the payer pays: at most what was held."""
    lines: tuple[Line, ...]
    """One an attempt, in their order."""
    postings: tuple[Posting, ...]

    @property
    def prompt_tokens(self) -> int:
        """Tokens of prompt that were paid for."""
        return sum(line.prompt for line in self.lines)

    @property
    def cached_tokens(self) -> int:
        """Of those, the cached ones."""
        return sum(line.cached for line in self.lines)

    @property
    def answer_tokens(self) -> int:
        """Tokens of answer that were paid for."""
        return sum(line.answer for line in self.lines)


def settle(job: Job, attempts: tuple[Attempt, ...], end: End, *, held: Micros) -> Settlement:
    """The postings of a job that ended so. Total: any attempts, also contradictory ones, settle.

    `attempts` in the order of dispatch; tokens that two of them claim belong to the earlier.
    """
    assert held >= 0 and job.shares.worker + job.shares.fee + job.shares.fund == 100
    if end is End.UNKNOWN:
        attempts_paid: list[_Paid] = [_Paid(attempt.number) for attempt in attempts]
    else:
        attempts_paid = list(_paid(job, attempts, end))
    by_user = end not in UNFINISHED or job.accepts_partial
    limit = held * MILLION if end is End.LATE else None
    exact = 0
    for paid in attempts_paid:
        if limit is not None:
            # A claim without the host's own count is worth what was held and no more.
            paid.work = min(paid.work, limit - exact)
            paid.again = paid.tokens_again = 0
        if not by_user:
            paid.again, paid.work = paid.again + paid.work, 0
        exact += paid.work
    lines = tuple(paid.line(job.shares) for paid in attempts_paid)
    due = rounded(exact)
    charge = Micros(min(due, held))
    return Settlement(
        charge=charge,
        lines=lines,
        postings=_postings(job, attempts, lines, exact=exact, charge=charge),
    )


UNFINISHED: Final = frozenset({End.INTERRUPTED, End.UNANSWERED})
"""Ends after which the user pays only for the part answer that it takes."""


@final
@dataclass(slots=True)
class _Paid:
    """One attempt's tokens, and what they cost in millionths of a micro, before shares."""

    number: int
    prompt: int = 0
    cached: int = 0
    answer: int = 0
    tokens_again: int = 0
    work: int = 0
    """For the user to pay."""
    again: int = 0
    """For the fund to pay."""

    def line(self, shares: Shares) -> Line:
        from_fund = _share(self.again, shares.worker)
        return Line(
            attempt=self.number,
            prompt=self.prompt,
            cached=self.cached,
            answer=self.answer,
            again=self.tokens_again,
            earned=Micros(_share(self.work, shares.worker) + from_fund),
            from_fund=from_fund,
        )


def _paid(job: Job, attempts: tuple[Attempt, ...], end: End) -> Iterator[_Paid]:
    """Each attempt's part of the work, one after the other."""
    covered = 0
    is_prompt_paid = False
    for place, attempt in enumerate(attempts):
        assert 0 <= attempt.first <= attempt.end and attempt.undelivered >= 0
        is_last = place == len(attempts) - 1
        paid = _Paid(attempt.number)
        at_seam = _at_seam(attempt, attempts[place + 1 :])
        answer = _answer_tokens(
            job, attempt, end, covered=covered, at_seam=at_seam, is_last=is_last
        )
        # Whoever only said that the answer ends there read everything that others had said of it.
        did_all_work = (end in ANSWERED and (job.is_embedding or covered > 0)) or (
            end is End.CANCELLED and attempt.is_prefilled
        )
        receipt = attempt.reported
        if receipt is None and is_last and end in WHOLE:
            receipt = _without_receipt(job, attempt)
        if attempt.worker != job.payer and (answer > 0 or (is_last and did_all_work)):
            paid.answer = answer
            if receipt is not None:
                prompt = receipt.prompt if job.prompt is None else min(job.prompt, receipt.prompt)
                cached = min(max(receipt.cached, 0), prompt)
                repeated = min(attempt.first, covered)
                if is_prompt_paid:
                    paid.tokens_again = prompt + repeated
                    paid.again = job.prices.exactly(prompt=paid.tokens_again, cached=cached)
                else:
                    is_prompt_paid = True
                    paid.prompt, paid.cached, paid.tokens_again = prompt, cached, repeated
                    paid.again = job.prices.exactly(prompt=repeated)
            paid.work = job.prices.exactly(
                prompt=paid.prompt, cached=paid.cached, answer=paid.answer
            )
        covered = max(covered, attempt.end)
        yield paid


def _without_receipt(job: Job, attempt: Attempt) -> Reported | None:
    """What the host knows without it of a worker that said the last word and then vanished."""
    if job.prompt is None or attempt.told_cached is None:
        return None
    return Reported(
        prompt=job.prompt, cached=attempt.told_cached, answer=attempt.end - attempt.first
    )


WHOLE: Final = frozenset({End.COMPLETED, End.LENGTH})
ANSWERED: Final = WHOLE | {End.LATE}


SEAM_TOKENS_MAX: Final = 4
"""As many tokens may one cut word or character need more or less."""


def _at_seam(attempt: Attempt, later: tuple[Attempt, ...]) -> int:
    """Tokens that the count gives to whoever went on, and that this attempt delivered."""
    for each in later:
        if each.end > each.first:
            if each.counted is None or each.first != attempt.end:
                return 0
            return min(max(0, each.counted - (each.end - each.first)), SEAM_TOKENS_MAX)
    return 0


def _answer_tokens(
    job: Job, attempt: Attempt, end: End, *, covered: int, at_seam: int, is_last: bool
) -> int:
    """Tokens of answer for which the attempt is paid: by the smallest of the counts there are."""
    tokens = max(0, attempt.end - max(attempt.first, covered))
    if attempt.counted is not None:
        tokens = min(tokens, attempt.counted + at_seam)
    if end is End.CANCELLED and is_last and attempt.reported is not None:
        tokens += min(attempt.undelivered, job.undelivered_max)
    if attempt.reported is not None:
        tokens = min(tokens, attempt.reported.answer)
    return max(0, tokens)


def _share(exact: int, percent: int) -> Micros:
    """Part of millionths of a micro, in whole micros, rounded down."""
    return Micros(exact * percent // (100 * MILLION))


def _postings(
    job: Job, attempts: tuple[Attempt, ...], lines: tuple[Line, ...], *, exact: int, charge: Micros
) -> tuple[Posting, ...]:
    """The lines of the books. What a hold does not cover is the fund's to pay, too."""
    due = rounded(exact)
    fee, to_fund = _share(exact, job.shares.fee), _share(exact, job.shares.fund)
    by_user = sum(line.earned - line.from_fund for line in lines)
    from_fund = sum(line.from_fund for line in lines)
    remainder = due - by_user - fee - to_fund
    assert 0 <= remainder <= len(lines) + 2, "shares round down, the charge to the nearest"
    earned = [
        Posting(user(attempt.worker), line.earned, line.attempt)
        for attempt, line in zip(attempts, lines, strict=True)
    ]
    postings = (
        Posting(user(job.payer), Micros(-charge)),
        *earned,
        Posting(FEES, fee),
        Posting(FUND, Micros(to_fund - from_fund - (due - charge))),
        Posting(ROUNDING, Micros(remainder)),
    )
    assert sum(posting.amount for posting in postings) == 0
    return tuple(posting for posting in postings if posting.amount)
