"""FairQueue: whose job is next, when there are more jobs than slots.

Weighted fair queueing between accounts: each has a clock that runs by the work it was given,
divided by its weight, and who is furthest behind is next. So an account with a thousand jobs does
not make another with one wait for a thousand, and credits buy a share and never the head of the
line. A job that waits also ages a little, so that no weight lets anybody wait without end.

A job that was already under way goes before all others: somebody reads its answer.

Source: Demers, Keshav, Shenker, "Analysis and Simulation of a Fair Queueing Algorithm" (1989);
start-time tags as in Goyal, Vin, Cheng, "Start-time Fair Queueing" (1996).
"""

from collections.abc import Iterator
from typing import Final, final

import msgspec

from app.core.base.ids import AccountId, JobId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.jobs.effects import FindWorker

AGE_WORK_PER_SECOND: Final = 20.0
"""Tokens of work that a second of waiting is worth: after half a minute a job stands as if its
account had been given two answers less. More would let yesterday's flood go before a newcomer."""


@final
class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A job in line."""

    find: FindWorker
    tag: float
    """Work that the account will have been given when the job starts; less is sooner."""
    since: Microseconds
    arrival: int
    """Order of coming: decides where all else is equal."""

    @property
    def is_under_way(self) -> bool:
        """Some worker was asked before."""
        return self.find.attempts > 0


@final
class FairQueue:
    """The line. Its length is the caller's to limit: see core/pool/admission."""

    def __init__(self) -> None:
        self._waiting: dict[JobId, Waiting] = {}
        self._given: dict[AccountId, float] = {}
        self._now_given = 0.0
        """The tag of the job that was let through last: where newcomers begin."""
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def of_account(self, account: AccountId) -> int:
        """How many jobs of the account are in line."""
        return sum(w.find.request.account == account for w in self._waiting.values())

    def of_content(self, sha256s: frozenset[str]) -> list[FindWorker]:
        """The jobs in line that one of these contents could serve."""
        return [waiting.find for waiting in self.waiting_for(sha256s)]

    def waiting_for(self, sha256s: frozenset[str]) -> list[Waiting]:
        """The same, with since when each is in line."""
        return [
            waiting
            for waiting in self._waiting.values()
            if any(candidate.sha256 in sha256s for candidate in waiting.find.request.candidates)
        ]

    def add(self, find: FindWorker, now: Microseconds, *, weight: float = 1.0) -> None:
        """Put in line. `weight` > 0 of the account: twice the weight, twice the share."""
        assert weight > 0
        account = find.request.account
        start = max(self._now_given, self._given.get(account, 0.0))
        if find.attempts == 0:
            self._given[account] = start + work_of(find) / weight
        self._arrivals += 1
        self._waiting[find.request.job] = Waiting(
            find=find, tag=start, since=now, arrival=self._arrivals
        )

    def remove(self, job: JobId) -> None:
        """Take out, because it was placed or left; unknown ones are ignored."""
        waiting = self._waiting.pop(job, None)
        if waiting is None:
            return
        self._now_given = max(self._now_given, min(waiting.tag, self._least()))
        if not self._waiting:
            # Nobody waits, so nobody has an advantage to keep: tags begin anew.
            self._given.clear()
            self._now_given = 0.0

    def in_order(self, now: Microseconds) -> Iterator[FindWorker]:
        """All, the next first. Those behind one that cannot be placed are not held up by it."""
        for waiting in sorted(self._waiting.values(), key=lambda w: _rank(w, now)):
            yield waiting.find

    def waited_seconds(self, now: Microseconds) -> float:
        """How long the oldest has waited."""
        oldest = min((w.since for w in self._waiting.values()), default=now)
        return max(0, now - oldest) / SECOND

    def _least(self) -> float:
        return min((w.tag for w in self._waiting.values()), default=float("inf"))


def work_of(find: FindWorker) -> float:
    """Tokens that the job is expected to take; a token of prompt is cheaper to compute."""
    request = find.request
    return max(c.prompt_tokens for c in request.candidates) / 8 + request.expected_tokens


def _rank(waiting: Waiting, now: Microseconds) -> tuple[bool, float, int]:
    aged = waiting.tag - max(0, now - waiting.since) / SECOND * AGE_WORK_PER_SECOND
    return not waiting.is_under_way, aged, waiting.arrival
