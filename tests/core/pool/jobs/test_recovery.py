"""A host that died: who was asked is paid by receipt, at most what was held, each token once."""

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.commands import EventId
from app.core.ledger.pricing import Shares
from app.core.ledger.settlement import Settlement
from app.core.ledger.work import Reported
from app.core.pool.jobs.effects import Record
from app.core.pool.jobs.recovery import Orphan, claim, due, orphan_of
from tests.core.pool.jobs.play import PRICES, SHA256, START

HOUR = 3600 * SECOND


def record(attempt: int, worker: str, first: int) -> Record:
    return Record(
        id=EventId(f"job/j1/attempt/{attempt}"),
        job=JobId("j1"),
        attempt=attempt,
        worker=DeviceId(worker),
        account=AccountId(f"owner of {worker}"),
        sha256=SHA256,
        first=first,
        payer=AccountId("payer"),
        prices=PRICES,
        shares=Shares(worker=80, fee=15, fund=5),
        prompt_tokens=10,
    )


def orphan(*records: Record, held: int = 1000) -> Orphan:
    return orphan_of(JobId("j1"), Micros(held), Microseconds(START + HOUR), records)


def take(one: Orphan, attempt: int, worker: str, answer: int, prompt: int = 10):
    reported = Reported(prompt=prompt, answer=answer)
    return claim(one, attempt, DeviceId(worker), reported, START)


def earned(settlement: Settlement | None) -> dict[int, int]:
    assert settlement is not None
    return {line.attempt: line.earned for line in settlement.lines}


def test_the_only_worker_is_paid_as_soon_as_it_claims() -> None:
    _, settlement = take(orphan(record(0, "a", 0)), 0, "a", answer=100)

    assert settlement is not None
    assert settlement.charge == 10 + 100 * 2
    assert earned(settlement) == {0: (10 + 100 * 2) * 80 // 100}


def test_never_more_is_charged_than_was_held() -> None:
    _, settlement = take(orphan(record(0, "a", 0), held=50), 0, "a", answer=100)

    assert settlement is not None and settlement.charge == 50


def test_a_receipt_does_not_claim_more_prompt_than_the_host_counted() -> None:
    _, settlement = take(orphan(record(0, "a", 0)), 0, "a", answer=1, prompt=900)

    assert settlement is not None and settlement.charge == 10 + 2


def embedded(*workers: str) -> Orphan:
    asked = (record(number, worker, 0) for number, worker in enumerate(workers))
    return orphan(*(msgspec.structs.replace(each, is_embedding=True) for each in asked))


def test_the_prompt_of_an_embedding_is_paid_without_a_token_of_answer() -> None:
    _, settlement = take(embedded("a"), 0, "a", answer=0)

    assert settlement is not None and settlement.charge == 10
    assert earned(settlement) == {0: 10 * 80 // 100}


def test_an_embedding_is_paid_once_to_the_last_that_was_asked() -> None:
    one, _ = take(embedded("a", "b"), 0, "a", answer=0)

    _, settlement = take(one, 1, "b", answer=0)

    assert settlement is not None and settlement.charge == 10
    assert earned(settlement) == {0: 0, 1: 10 * 80 // 100}


def test_two_workers_are_paid_for_disjoint_ranges_whatever_they_claim() -> None:
    one = orphan(record(0, "a", 0), record(1, "b", 30))
    one, nothing = take(one, 0, "a", answer=500)
    assert nothing is None

    one, settlement = take(one, 1, "b", answer=20)

    assert settlement is not None
    assert settlement.charge == 10 + (30 + 20) * 2


def test_the_others_are_waited_for_and_not_for_ever() -> None:
    one, _ = take(orphan(record(0, "a", 0), record(1, "b", 30)), 1, "b", answer=20)

    assert due(one, Microseconds(START + 59 * SECOND))[1] is None
    _, settlement = due(one, Microseconds(START + 60 * SECOND))

    assert set(earned(settlement)) == {0, 1}


def test_that_another_was_asked_to_go_on_proves_what_the_one_before_delivered() -> None:
    one, _ = take(orphan(record(0, "a", 0), record(1, "b", 30)), 1, "b", answer=20)

    _, settlement = due(one, Microseconds(START + 60 * SECOND))

    assert settlement is not None
    assert [(line.prompt, line.answer) for line in settlement.lines] == [(0, 30), (10, 20)]
    assert settlement.charge == 10 + (30 + 20) * 2
    assert earned(settlement)[0] == 30 * 2 * 80 // 100


def test_nothing_proves_what_the_last_one_delivered_but_its_receipt() -> None:
    one, _ = take(orphan(record(0, "a", 0), record(1, "b", 30)), 0, "a", answer=30)

    _, settlement = due(one, Microseconds(START + 60 * SECOND))

    assert earned(settlement)[1] == 0


def test_they_are_not_waited_for_past_the_time_of_claims() -> None:
    late = msgspec.structs.replace(
        orphan(record(0, "a", 0), record(1, "b", 30)),
        claim_until=Microseconds(START + 5 * SECOND),
    )

    one, _ = take(late, 1, "b", answer=20)

    assert one.due_at == START + 4 * SECOND


def test_who_was_not_asked_claims_nothing() -> None:
    before = orphan(record(0, "a", 0))

    for attempt, worker in [(0, "b"), (1, "a"), (7, "c")]:
        assert take(before, attempt, worker, answer=100) == (before, None)


def test_a_second_receipt_changes_nothing() -> None:
    one, _ = take(orphan(record(0, "a", 0), record(1, "b", 30)), 0, "a", answer=10)

    assert take(one, 0, "a", answer=30) == (one, None)


def test_what_nobody_claims_is_never_due() -> None:
    assert due(orphan(record(0, "a", 0)), Microseconds(START + 100 * HOUR))[1] is None
