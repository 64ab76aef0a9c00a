"""Laws of the audit of verdicts: they are as signed, and say what the books paid."""

from pathlib import Path

import pytest

from app.core.base.units import Micros
from app.core.ledger.settlement import Line
from app.server.host.chain_audit import audit_chain
from app.server.host.verdicts import Work
from app.server.identity.keys import verify
from app.server.storage.receipts import Receipts
from tests.core.pool.chains import DEVICE, POOL
from tests.server.host.test_orphans import (
    EARNED,
    JOB,
    OTHER,
    RECEIPT_SENT,
    Host,
    finished,
    with_orphans,
)


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        (EARNED, []),
        (
            EARNED + 1,
            [
                f"receipts: the verdict on attempt 0 of job {JOB} says {EARNED + 1} micros, "
                f"and the books paid {EARNED}"
            ],
        ),
    ],
)
def test_a_verdict_says_what_the_books_paid_or_is_named(
    tmp_path: Path, said: int, faults: list[str]
) -> None:
    async def act(host: Host) -> None:
        await judge(host, said)

        receipts = Receipts(host.database)
        found = await audit_chain(receipts, host.books, pool=POOL.pool, verify=verify)
        assert found == (1, faults)

    with_orphans(tmp_path, act)


@pytest.mark.parametrize("change", ["job = 'another'", "attempt = 1", f"device = '{OTHER}'"])
def test_a_row_that_names_another_than_its_verdict_does_is_named(
    tmp_path: Path, change: str
) -> None:
    async def act(host: Host) -> None:
        await judge(host, EARNED)
        await host.database.write("drop trigger receipts_are_not_changed")
        await host.database.write(f"update receipts set {change}")

        receipts = Receipts(host.database)
        found = await audit_chain(receipts, host.books, pool=POOL.pool, verify=verify)
        assert found == (
            1,
            [
                "receipts: the row of entry 0 names another job, attempt or device than the "
                "verdict in it"
            ],
        )

    with_orphans(tmp_path, act)


@pytest.mark.parametrize("who", ["payer", "earner"])
def test_a_row_that_names_another_payer_or_earner_than_the_books_is_named(
    tmp_path: Path, who: str
) -> None:
    async def act(host: Host) -> None:
        await judge(host, EARNED)
        others = {"payer": host.worker, "earner": host.payer}
        await host.database.write("drop trigger receipts_are_not_changed")
        await host.database.write(f"update receipts set {who} = ?", others[who])

        receipts = Receipts(host.database)
        found = await audit_chain(receipts, host.books, pool=POOL.pool, verify=verify)
        assert found == (
            1,
            [
                f"receipts: the row of entry 0 names another {who} than the books do of attempt 0 "
                f"of job {JOB}"
            ],
        )

    with_orphans(tmp_path, act)


def test_a_verdict_on_work_that_nobody_recorded_names_its_worker_alone(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.orphans.answer(DEVICE.device, finished())

        receipts = Receipts(host.database)
        found = await audit_chain(receipts, host.books, pool=POOL.pool, verify=verify)
        assert found == (1, [])

    with_orphans(tmp_path, act)


async def judge(host: Host, said: int) -> None:
    """A job is paid, and the verdict on it says so many micros."""
    await host.chain.load()
    await host.pay()
    work = Work(
        job=JOB,
        attempt=0,
        payer=host.payer,
        device=DEVICE.device,
        earner=host.worker,
        receipt=RECEIPT_SENT,
        line=Line(attempt=0, earned=Micros(said)),
        ending="completed",
        reason="",
    )
    await host.chain.give(work, Micros(said))
