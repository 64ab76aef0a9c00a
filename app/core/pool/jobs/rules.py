"""Rules of a job: its numbers, and the three decisions on which money hangs.

The decisions are fields so that a test can plant a wrong one and see the simulation catch it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from app.core.ledger.settlement import Settlement, settle
from app.core.pool.jobs.failover import answered_of, has_another_chance
from app.core.pool.jobs.faults import fault_of
from app.core.pool.jobs.job import Attempt, Job
from app.wire.pool import Chunk


@final
@dataclass(frozen=True, kw_only=True)
class JobRules:
    """Seconds, tokens and counts; the defaults are those of a host."""

    window_tokens: int = 256
    """Tokens of answer that one hold pays for."""
    extend_below_tokens: int = 128
    """With fewer than these left in the hold, the next window is asked for: the answer of the books
    is there before the worker is at its end."""
    least_tokens: int = 16
    """What a balance must pay for, besides the prompt, for a job to begin."""
    hold_seconds: float = 900.0
    """A hold that nobody extends or settles is over after so long."""
    renew_seconds: float = 300.0
    """A hold that has less left is extended, even if it covers all."""
    accept_seconds: float = 5.0
    """For a worker to answer an offer."""
    cold_seconds: float = 180.0
    """More for the first token, where the worker says that it loads the model first."""
    stop_seconds: float = 5.0
    """For a worker to answer a cancel."""
    count_seconds: float = 30.0
    """For the counting; past it the ids are the count."""
    settle_again_seconds: float = 1.0
    """Between the first tries of a settlement; then twice as long each time ..."""
    settle_again_seconds_max: float = 60.0
    """... up to this."""
    settle: Callable[..., Settlement] = settle
    """Who pays and who earns."""
    fault_of: Callable[[Job, Attempt, Chunk], str] = fault_of
    """What is wrong with a chunk: "" where it may be delivered."""
    answered_of: Callable[[Job], tuple[int, ...]] = answered_of
    """The tokens after which the next worker goes on."""
    has_another_chance: Callable[[Job], bool] = has_another_chance
    """Whether another worker is asked."""


RULES: Final = JobRules()
