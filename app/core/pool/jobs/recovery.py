"""Recovery: what becomes of the jobs of a host that died.

What was in memory is gone: the words, who waited for them, how far they were delivered. What is
left is durable: the hold in the books, and for each attempt a `Record` of who was asked from which
token on. The workers come back with signed receipts, which their outboxes keep until they are
countersigned. So a hold without a job is an orphan: it is settled from the receipts of its
attempts, never for more than was held, each paid up to where the next one began. That the next one
began there proves what the one before had delivered, so that is paid without its receipt too. If
nobody claims, the hold expires and its payer has everything back. An embedding is paid to the last
that was asked for it: where the books could not be written it was delivered before it was paid.

    orphan = orphan_of(hold, records)
    orphan, settlement = claim(orphan, attempt, reported, now)     for each late receipt
    orphan, settlement = due(orphan, now)                          at orphan.due_at
"""

from typing import Final, final

import msgspec

from app.core.base.ids import DeviceId, JobId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.settlement import Settlement, settle
from app.core.ledger.work import Attempt, End, Job, Reported
from app.core.pool.jobs.effects import Record

TOGETHER_SECONDS: Final = 60
"""After the first receipt of an orphan, how long those of its other attempts are waited for: a
settlement ends the hold, so all of them share one."""


@final
class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A hold whose job died with the host."""

    job: JobId
    held: Micros
    claim_until: Microseconds
    """Past it the books take no claim any more."""
    records: tuple[Record, ...]
    """Its attempts, in order."""
    claims: dict[int, Reported] = {}
    """Attempt -> what its receipt says."""
    due_at: Microseconds | None = None
    """When it is settled with the claims that there are."""

    @property
    def is_complete(self) -> bool:
        """Every attempt has claimed."""
        return len(self.claims) == len(self.records)


def orphan_of(
    job: JobId, held: Micros, claim_until: Microseconds, records: tuple[Record, ...]
) -> Orphan:
    """From what the books say of an open or expired hold for which there is no job."""
    ordered = tuple(sorted(records, key=lambda record: record.attempt))
    return Orphan(job=job, held=held, claim_until=claim_until, records=ordered)


def is_claimable(orphan: Orphan, attempt: int, worker: DeviceId) -> bool:
    """Whether this worker was asked as this attempt, and has not claimed yet."""
    return attempt not in orphan.claims and any(
        record.attempt == attempt and record.worker == worker for record in orphan.records
    )


def claim(
    orphan: Orphan, attempt: int, worker: DeviceId, reported: Reported, now: Microseconds
) -> tuple[Orphan, Settlement | None]:
    """A late receipt that was verified; the settlement once every attempt has claimed.

    A receipt of somebody who was not asked, or a second one, changes nothing.
    """
    if not is_claimable(orphan, attempt, worker):
        return orphan, None
    together = Microseconds(now + TOGETHER_SECONDS * SECOND)
    last_moment = Microseconds(orphan.claim_until - SECOND)
    orphan = msgspec.structs.replace(
        orphan,
        claims={**orphan.claims, attempt: reported},
        due_at=orphan.due_at or max(min(together, last_moment), now),
    )
    return orphan, settlement_of(orphan) if orphan.is_complete else None


def due(orphan: Orphan, now: Microseconds) -> tuple[Orphan, Settlement | None]:
    """The settlement with the claims that there are, when it is time; None before."""
    if orphan.due_at is None or now < orphan.due_at:
        return orphan, None
    return orphan, settlement_of(orphan)


def settlement_of(orphan: Orphan) -> Settlement:
    """Who pays and who earns of what was claimed: at most the hold, each token once."""
    assert orphan.records, "somebody claimed, so somebody was asked"
    first = orphan.records[0]
    return settle(
        Job(
            payer=first.payer,
            prices=first.prices,
            shares=first.shares,
            prompt=first.prompt_tokens,
            is_embedding=first.is_embedding,
        ),
        tuple(_attempt(orphan, place) for place in range(len(orphan.records))),
        End.LATE,
        held=orphan.held,
    )


def _attempt(orphan: Orphan, place: int) -> Attempt:
    """An attempt up to where the next one was asked to begin, and at most as its receipt says."""
    record = orphan.records[place]
    reported = orphan.claims.get(record.attempt)
    ends = [] if reported is None else [record.first + max(0, reported.answer)]
    if place + 1 < len(orphan.records):
        ends.append(max(record.first, orphan.records[place + 1].first))
    end = min(ends, default=record.first)
    return Attempt(
        number=record.attempt,
        worker=record.account,
        first=record.first,
        end=end,
        reported=reported,
        is_prefilled=reported is not None,
    )
