"""A planted fault is caught: the simulation would see it if the product had it.

Each is a wrong version of one of the decisions on which money hangs, in the place of the right one.
"""

from dataclasses import replace

import msgspec
import pytest

from app.core.base.units import Micros
from app.core.ledger import settlement
from app.core.ledger.work import Attempt, End
from app.core.ledger.work import Job as Agreed
from app.core.pool.jobs import faults
from app.core.pool.jobs.job import Attempt as JobAttempt
from app.core.pool.jobs.job import Job
from app.wire.pool import Chunk
from tests.sim.run import Broken, run_seed
from tests.sim.world import RULES

SEEDS_MAX = 60
"""Within so many seeds each fault shows itself."""


def charges_for_cut_answers(
    job: Agreed, attempts: tuple[Attempt, ...], end: End, *, held: Micros
) -> settlement.Settlement:
    """Settlement: an answer that was cut short costs as if it were whole."""
    if end is End.INTERRUPTED:
        end = End.COMPLETED
    return settlement.settle(job, attempts, end, held=held)


def charges_the_prompt_again(
    job: Agreed, attempts: tuple[Attempt, ...], end: End, *, held: Micros
) -> settlement.Settlement:
    """Settlement: what the second worker read again is put on the user's bill."""
    again = sum(attempt.first for attempt in attempts)
    dearer = msgspec.structs.replace(job, prompt=(job.prompt or 0) + again)
    claims = tuple(
        msgspec.structs.replace(
            a, reported=msgspec.structs.replace(a.reported, prompt=a.reported.prompt + again)
        )
        if a.reported is not None
        else a
        for a in attempts
    )
    return settlement.settle(dearer, claims, end, held=held)


def believes_the_worker(
    job: Agreed, attempts: tuple[Attempt, ...], end: End, *, held: Micros
) -> settlement.Settlement:
    """Settlement: the worker's own count is paid."""
    believed = tuple(
        msgspec.structs.replace(a, end=a.first + a.reported.answer, counted=None)
        if a.reported is not None
        else a
        for a in attempts
    )
    return settlement.settle(job, believed, end, held=held)


def forgets_what_it_held(
    job: Agreed, attempts: tuple[Attempt, ...], end: End, *, held: Micros
) -> settlement.Settlement:
    """Settlement: nothing is paid for a job with more than one worker."""
    if len(attempts) > 1:
        end = End.UNKNOWN
    return settlement.settle(job, attempts, end, held=held)


def takes_any_chunk(job: Job, attempt: JobAttempt, chunk: Chunk) -> str:
    """Dedup: chunks that repeat or overlap are delivered."""
    fault = faults.fault_of(job, attempt, chunk)
    return "" if fault == "range" else fault


def drops_the_last_token(job: Job) -> tuple[int, ...]:
    """Failover: the next worker begins one token too early."""
    return job.answer[:-1]


def forgets_the_last_worker(job: Job) -> tuple[int, ...]:
    """Failover: the next worker begins where the first one did."""
    return () if len(job.attempts) == 1 else job.answer


MUTATIONS = {
    "settlement charges for cut answers": replace(RULES, settle=charges_for_cut_answers),
    "settlement charges the prompt again": replace(RULES, settle=charges_the_prompt_again),
    "settlement believes the worker": replace(RULES, settle=believes_the_worker),
    "settlement forgets to pay": replace(RULES, settle=forgets_what_it_held),
    "dedup takes any chunk": replace(RULES, fault_of=takes_any_chunk),
    "failover begins too early": replace(RULES, answered_of=drops_the_last_token),
    "failover begins anew": replace(RULES, answered_of=forgets_the_last_worker),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_fault_is_caught(name: str) -> None:
    found = (run_seed(seed, MUTATIONS[name]) for seed in range(2000, 2000 + SEEDS_MAX))

    assert any(isinstance(outcome, Broken) for outcome in found), f"nobody saw that {name}"
