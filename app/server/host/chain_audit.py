"""ChainAudit: whether the verdicts are as they were signed, and say what the books paid.

The chain and the books are two files that a crash may part. Each verdict names what its attempt
earned; the postings of the job's hold have to name the same, and its row whom they took it from and
gave it to. Of whoever earned nothing the books know nothing.
"""

import asyncio
from typing import Final, Protocol

from app.core.base.ids import PoolId
from app.core.base.units import Micros
from app.core.ledger.commands import EventId
from app.core.pool.chain import BEGINNING, Head, verify_verdicts
from app.core.pool.keys import Verifier
from app.core.pool.receipt import VERDICT
from app.core.pool.signed import SignedBytes
from app.server.storage.books_reader import Parties
from app.server.storage.receipts import Receipts, StoredReceipt

_PAGE: Final = 1000
"""Receipts that are read at once."""
_NOTHING: Final = Micros(0)


class Books(Protocol):
    """The books (server/storage/books)."""

    async def paid(self, *holds: EventId) -> list[dict[int, Micros]]:
        """What each attempt earned, for each hold."""

    async def parties(self, *holds: EventId) -> list[Parties]:
        """Who paid and who earned, for each hold."""


async def audit_chain(
    receipts: Receipts, books: Books, *, pool: PoolId, verify: Verifier
) -> tuple[int, list[str]]:
    """How many verdicts there are, and what is wrong, a sentence each."""
    after, faults = BEGINNING, list[str]()
    while page := await receipts.all(after=after.count - 1, most=_PAGE):
        entries = [SignedBytes(each.verdict, each.signature) for each in page]
        # A page is 0.1 s of signatures: on a thread, since answers are streaming meanwhile.
        breach = await asyncio.to_thread(
            verify_verdicts, entries, pool=pool, verify=verify, after=after
        )
        if breach is not None:
            return breach.index, [*faults, f"receipts: {breach.message}"]
        holds = [EventId(f"job/{each.job}") for each in page]
        paid, parties = await books.paid(*holds), await books.parties(*holds)
        faults += [
            _unlike(each, by) or _misnamed(each, between)
            for each, by, between in zip(page, paid, parties, strict=True)
        ]
        after = Head(after.count + len(page), entries[-1].hash)
    return after.count, [fault for fault in faults if fault]


def _misnamed(stored: StoredReceipt, parties: Parties) -> str:
    """Whom the row names and the books do not; "" where both agree.

    A job without a hold was done by the payer's own machine, or is one that nobody recorded. What
    nobody recorded any more may have had a hold: then its worker's account stands for the payer.
    """
    earner = parties.earners.get(stored.attempt)
    if earner not in (None, stored.earner):
        who = "earner"
    elif stored.payer == parties.payer or (earner is None and stored.payer == stored.earner):
        return ""
    else:
        who = "payer"
    return (
        f"receipts: the row of entry {stored.position} names another {who} than the books do of "
        f"attempt {stored.attempt} of job {stored.job}"
    )


def _unlike(stored: StoredReceipt, paid: dict[int, Micros]) -> str:
    """How a verdict differs from its row or from the books; "" where all agree."""
    verdict = VERDICT.read(stored.verdict)
    if verdict is not None:
        kept = (stored.job, stored.attempt, stored.device)
        if kept != (verdict.job, verdict.attempt, verdict.device):
            return (
                f"receipts: the row of entry {verdict.number} names another job, attempt or device "
                "than the verdict in it"
            )
    told = _NOTHING if verdict is None else verdict.earned
    booked = paid.get(stored.attempt, _NOTHING)
    if told == booked:
        return ""
    return (
        f"receipts: the verdict on attempt {stored.attempt} of job {stored.job} says {told} "
        f"micros, and the books paid {booked}"
    )
