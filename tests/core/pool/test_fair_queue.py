"""The line: shares for accounts, and nobody waits for somebody else's thousand jobs."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.base.ids import AccountId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.fair_queue import FairQueue
from tests.core.pool.choosing import find
from tests.core.pool.jobs.play import START


def add(queue: FairQueue, account: str, name: str, *, weight: float = 1.0, at: int = START) -> None:
    queue.add(find(name, account=AccountId(account)), Microseconds(at), weight=weight)


def serve(queue: FairQueue, count: int, at: int = START) -> list[str]:
    """The accounts of the next jobs, each let through."""
    served = []
    for _ in range(count):
        first = next(queue.in_order(Microseconds(at)))
        queue.remove(first.request.job)
        served.append(first.request.account)
    return served


def test_an_account_with_many_jobs_does_not_make_another_wait_for_them() -> None:
    queue = FairQueue()
    for number in range(100):
        add(queue, "many", f"m{number}")
    add(queue, "few", "f0")

    assert "few" in serve(queue, 2)


def test_accounts_take_turns() -> None:
    queue = FairQueue()
    for number in range(30):
        for account in "abc":
            add(queue, account, f"{account}{number}")

    assert Counter(serve(queue, 30)) == {"a": 10, "b": 10, "c": 10}


def test_twice_the_weight_is_twice_the_share() -> None:
    queue = FairQueue()
    for number in range(60):
        add(queue, "heavy", f"h{number}", weight=2.0)
        add(queue, "light", f"l{number}", weight=1.0)

    served = Counter(serve(queue, 30))

    assert served["heavy"] == 20 and served["light"] == 10


def test_an_absence_earns_no_credit() -> None:
    queue = FairQueue()
    for number in range(50):
        add(queue, "steady", f"s{number}")
    serve(queue, 40)
    for number in range(50):
        add(queue, "late", f"l{number}")

    assert Counter(serve(queue, 10))["late"] <= 6


def test_an_answer_under_way_goes_before_all_that_wait() -> None:
    queue = FairQueue()
    add(queue, "a", "waits")
    queue.add(find("under way", account=AccountId("b"), attempts=1), START)

    assert next(queue.in_order(START)).request.job == "under way"


def test_even_the_lightest_account_is_served_at_last() -> None:
    queue = FairQueue()
    add(queue, "light", "l0", weight=0.001)
    add(queue, "light", "l1", weight=0.001)
    served: list[str] = []
    for number in range(100_000 // 250):
        add(queue, "heavy", f"h{number}", at=START + number * 60 * SECOND)
        served += serve(queue, 1, at=START + number * 60 * SECOND)

    assert served.count("light") == 2


def test_a_job_that_left_is_not_in_line() -> None:
    queue = FairQueue()
    add(queue, "a", "j")
    queue.remove("j")
    queue.remove("j")

    assert len(queue) == 0 and list(queue.in_order(START)) == []


def test_the_line_tells_how_long_it_is() -> None:
    queue = FairQueue()
    add(queue, "a", "j1")
    add(queue, "a", "j2", at=START + SECOND)

    assert (queue.of_account(AccountId("a")), queue.of_account(AccountId("b"))) == (2, 0)
    assert queue.waited_seconds(Microseconds(START + 3 * SECOND)) == 3.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_every_job_is_in_line_once_until_it_is_taken_out(story: list[tuple[str, bool]]) -> None:
    queue, waiting = FairQueue(), set()
    for number, (account, takes) in enumerate(story):
        add(queue, account, f"j{number}")
        waiting.add(f"j{number}")
        if takes:
            first = next(queue.in_order(START)).request.job
            queue.remove(first)
            waiting.discard(first)

        assert sorted(f.request.job for f in queue.in_order(START)) == sorted(waiting)
