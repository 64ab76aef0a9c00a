"""A planted fault is caught: the simulation would see it if the product had it.

Each is a wrong version of one of the decisions on which money hangs, in the place of the right one,
or a host or node that does one thing wrong. The invariant that speaks is the one that was broken.
"""

from dataclasses import dataclass, replace

import msgspec
import pytest

from app.core.base.units import Micros
from app.core.ledger import settlement
from app.core.ledger.work import Attempt, End
from app.core.ledger.work import Job as Agreed
from app.core.pool.jobs import faults
from app.core.pool.jobs.job import Attempt as JobAttempt
from app.core.pool.jobs.job import Job
from app.core.pool.jobs.rules import JobRules
from app.wire.pool import Chunk
from tests.sim.disk import Disk
from tests.sim.planted import (
    ComesBackOlder,
    ForgetsItsChain,
    ForksItsChain,
    HoldsTooMuch,
    KeepsReceiptsInMemory,
    LosesAMicro,
    NeverSweeps,
    PaysDoubleAfterARestart,
    PaysNobodyAfterARestart,
    RefusesTheSecond,
    RefusesWithoutAWord,
    RewritesReceipts,
    TakesAnyReceipt,
    TellsMoreThanItPaid,
    TellsTwoStories,
    with_disk,
)
from tests.sim.run import Broken, run_seed
from tests.sim.world import CAST, RULES, Cast

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


@dataclass(frozen=True)
class Mutation:
    """A planted fault, and the number of the invariant that it breaks."""

    number: str
    rules: JobRules = RULES
    cast: Cast = CAST


def on_disk(faulty: type[Disk]) -> Cast:
    return Cast(host=with_disk(faulty))


MUTATIONS = {
    "settlement charges for cut answers": Mutation(
        "3", replace(RULES, settle=charges_for_cut_answers)
    ),
    "settlement charges the prompt again": Mutation(
        "3", replace(RULES, settle=charges_the_prompt_again)
    ),
    "settlement believes the worker": Mutation("5", replace(RULES, settle=believes_the_worker)),
    "settlement forgets to pay": Mutation("15", replace(RULES, settle=forgets_what_it_held)),
    "dedup takes any chunk": Mutation("5", replace(RULES, fault_of=takes_any_chunk)),
    "failover begins too early": Mutation("5", replace(RULES, answered_of=drops_the_last_token)),
    "failover begins anew": Mutation("5", replace(RULES, answered_of=forgets_the_last_worker)),
    "the books lose a micro": Mutation("1", cast=on_disk(LosesAMicro)),
    "a hold is never given back": Mutation("2", cast=Cast(host=NeverSweeps)),
    "a verdict says more than was paid": Mutation("4", cast=on_disk(TellsMoreThanItPaid)),
    "verdicts are no chain": Mutation("6", cast=on_disk(ForgetsItsChain)),
    "a host tells two stories": Mutation("6", cast=Cast(host=TellsTwoStories)),
    "a host rewrites a receipt": Mutation("6", cast=Cast(host=RewritesReceipts)),
    "a host comes back older": Mutation("6", cast=Cast(host=ComesBackOlder)),
    "a host takes any receipt": Mutation("6", cast=Cast(host=TakesAnyReceipt)),
    "a node forks its chain": Mutation("6", cast=Cast(node=ForksItsChain)),
    "a refusal has no reason": Mutation("11", cast=Cast(host=RefusesWithoutAWord)),
    "a hold is larger than what was asked": Mutation("12", cast=on_disk(HoldsTooMuch)),
    "a balance for two jobs begins one": Mutation("12", cast=on_disk(RefusesTheSecond)),
    "a restart pays double": Mutation("5", cast=Cast(host=PaysDoubleAfterARestart)),
    "a restart pays nobody": Mutation("15", cast=Cast(host=PaysNobodyAfterARestart)),
    "receipts are kept in memory": Mutation("15", cast=Cast(node=KeepsReceiptsInMemory)),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_fault_is_caught_in_the_step_in_which_it_shows(name: str) -> None:
    planted = MUTATIONS[name]
    seeds = range(2000, 2000 + SEEDS_MAX)

    found = (run_seed(seed, planted.rules, planted.cast) for seed in seeds)

    assert any(
        isinstance(outcome, Broken) and outcome.breaks(planted.number) for outcome in found
    ), f"nobody saw that {name}"
