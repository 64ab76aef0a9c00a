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
from tests.server.host.test_orphans import EARNED, JOB, RECEIPT_SENT, Host, with_orphans


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
        await host.chain.load()
        await host.pay()
        await host.chain.give(
            Work(
                job=JOB,
                attempt=0,
                payer=host.payer,
                device=DEVICE.device,
                earner=host.worker,
                receipt=RECEIPT_SENT,
                line=Line(attempt=0, earned=Micros(said)),
                ending="completed",
                reason="",
            ),
            Micros(said),
        )

        receipts = Receipts(host.database)
        found = await audit_chain(receipts, host.books, pool=POOL.pool, verify=verify)
        assert found == (1, faults)

    with_orphans(tmp_path, act)
