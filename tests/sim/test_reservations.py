"""12: a balance that covers k jobs begins k of them, however many are asked for at once."""

import pytest

from app.core.base.ids import AccountId, Domain, JobId
from app.core.base.units import SECOND, Microseconds
from app.core.ledger.accounts import user
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.effects import Book, Effect, End, FindWorker
from app.core.pool.jobs.job import JobRequest
from app.core.pool.jobs.rules import JobRules
from app.core.pool.jobs.steps import advance, submit
from app.server.identity.keys import PoolKey
from app.wire.engine import Generate
from tests.sim import words
from tests.sim.disk import Disk
from tests.sim.market import SHARES, candidate

NOW = Microseconds(1_790_000_000 * SECOND)
PAYER = AccountId("payer")
RULES = JobRules(least_tokens=256)
"""A job begins with a whole window or not at all, so that each needs the same."""


def ask(disk: Disk, number: int) -> list[Effect]:
    """What a job wants after the books have answered its first wish."""
    key = 40 * number  # the same length of prompt for all
    body = words.prompt(key, 10)
    assert isinstance(body, Generate)
    request = JobRequest(
        job=JobId(f"j{number}"),
        account=PAYER,
        domain=Domain("payer"),
        model="words",
        body=body,
        candidates=(candidate(key),),
        shares=SHARES,
    )
    job, (book, *_) = submit(request, NOW, RULES)
    assert isinstance(book, Book)
    outcome = disk.write(book.command)
    _, effects = advance(job, befell.Booked(command=book.command.id, outcome=outcome), NOW, RULES)
    return effects


@pytest.mark.parametrize("covered", [0, 1, 137])
def test_ten_thousand_jobs_on_a_balance_for_some_begin_as_often_as_it_covers(covered: int) -> None:
    disk = Disk(pool=PoolKey(bytes(32)))
    each = candidate(0).prices.to_hold(prompt=words.prompt_tokens(0), answer=256)
    if covered:
        disk.grant(PAYER, covered * each + each - 1, NOW)

    wanted = [effect for number in range(10_000) for effect in ask(disk, number)]

    assert sum(isinstance(effect, FindWorker) for effect in wanted) == covered
    refused = [effect for effect in wanted if isinstance(effect, End)]
    assert len(refused) == 10_000 - covered
    assert all(end.kind == "credits_short" and end.needed == each for end in refused)
    assert disk.books.held(user(PAYER)) == covered * each
