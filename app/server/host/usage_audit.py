"""UsageAudit: whether the rows of what was used say of each job what the books charged for it.

Rows are dropped after the operator's days and with a forgotten account, so that one is missing says
nothing; the books have all that was paid.
"""

from typing import Final, Protocol

from app.core.base.ids import JobId
from app.core.base.units import Micros
from app.core.ledger.commands import EventId
from app.server.storage.usage import Usage

_PAGE: Final = 1000
"""Rows that are read at once."""


class Books(Protocol):
    """The books (server/storage/books)."""

    async def charged(self, *holds: EventId) -> list[Micros]:
        """What each hold's account paid when it was settled."""


async def audit_usage(usage: Usage, books: Books) -> list[str]:
    """What is wrong with the rows, a sentence each."""
    after, faults = JobId(""), list[str]()
    while page := await usage.costs(after=after, most=_PAGE):
        charged = await books.charged(*(EventId(f"job/{job}") for job, _ in page))
        faults += [
            f"usage: the row of job {job} says {cost} micros, and the books charged {charge}"
            for (job, cost), charge in zip(page, charged, strict=True)
            if cost != charge
        ]
        after, _ = page[-1]
    return faults
