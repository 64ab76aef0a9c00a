"""Laws of demand: a line is told with its oldest and its accounts, and every end is counted."""

from app.core.base.ids import AccountId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.fair_queue import FairQueue
from app.server.host.demand import demand_of, line_of
from app.server.storage.usage import EndCount
from app.wire.pool_admin import DemandPicture
from tests.core.pool.choosing import find
from tests.core.pool.jobs.play import SHA256, START


def test_a_line_is_told_with_its_oldest_and_with_who_has_most_in_it_first() -> None:
    queue = FairQueue()
    for second, account in enumerate(("anna", "bert", "bert")):
        job = find(f"j{second}", account=AccountId(account))
        queue.add(job, Microseconds(START + second * SECOND))

    line = line_of(
        queue.waiting_for(frozenset({SHA256})), str.upper, Microseconds(START + 9 * SECOND)
    )

    assert (line.waiting, line.waited_seconds, line.accounts) == (3, 9.0, ("BERT", "ANNA"))
    assert not queue.waiting_for(frozenset({"cd" * 32}))
    assert line_of([], str, START).waited_seconds == 0


def test_every_end_of_a_request_is_counted_once() -> None:
    counts = [
        EndCount(model="m", status=status, requests=1)
        for status in (
            "completed", "length", "credit_exhausted", "unserved", "refused", "unfunded",
            "cancelled", "failed", "interrupted", "a word of tomorrow",
        )
    ]  # fmt: skip

    found = demand_of([*counts, EndCount(model="n", status="length", requests=7)])

    assert found == {
        "m": DemandPicture(answered=3, unserved=1, refused=2, failed=3, cancelled=1),
        "n": DemandPicture(answered=7),
    }
