"""Holding: credits are held for a job only as far as the limits of its caller allow.

What is held counts against the limits from that moment, so no number of answers that grow at the
same time goes past one together.
"""

from msgspec.structs import replace

from app.core.base.units import Micros
from app.core.ledger.commands import Extend, Reserve, Settle, Void
from app.core.ledger.result import Outcome, Result
from app.server.host.job_ports import Bookkeeping, JobCaller


async def booked(
    command: Reserve | Extend | Settle | Void, books: Bookkeeping, caller: JobCaller
) -> Outcome:
    """What came of the command in the books. Raises: as `Bookkeeping.submit`."""
    if not isinstance(command, Reserve | Extend) or command.amount == 0:
        return await books.submit(command)
    allowed, held = caller.may_hold(command.amount), Micros(0)
    try:
        if allowed < (command.amount if command.least is None else command.least):
            return Outcome(Result.INSUFFICIENT_CREDITS, Micros(0), allowed)
        outcome = await books.submit(replace(command, amount=allowed))
        held = outcome.amount
        return outcome
    finally:
        caller.not_held(Micros(allowed - held))
