"""What was paid for jobs of an earlier run is told to whoever paid."""

import asyncio
from pathlib import Path

import pytest

from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import FEES, user
from app.core.ledger.commands import EventId, Expire, Transfer
from app.core.ledger.work import Reported
from app.core.pool.receipt import VERDICT
from tests.core.pool.chains import DEVICE
from tests.server.host.test_orphans import HOLD, JOB, NOW, Host, finished, with_orphans


@pytest.mark.parametrize("is_paid", [True, False])
def test_what_an_account_paid_for_a_job_of_an_earlier_run_has_a_row_of_usage(
    tmp_path: Path, is_paid: bool
) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.record(DEVICE.device)
        if is_paid:
            await host.pay()
        await host.orphans.load()
        async with host.orphans.running():
            reported = host.chain.reported(DEVICE.device, finished())
            host.orphans.heard(DEVICE.device, finished(), reported)
            await asyncio.wait_for(host.told.get(), 20)
            charged = await asyncio.wait_for(host.orphans.charge(JOB), 20)
        await host.orphans.load()

        (row,) = await host.usage.rows()
        assert charged > 0
        assert (row.job, row.account, row.status) == (JOB, host.payer, "late")
        assert (row.cost, row.attempts, row.sha256) == (charged, 1, "ab" * 32)

    with_orphans(tmp_path, act)


def test_what_the_payer_no_longer_had_is_told_to_nobody_as_paid_by_it(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        host.now = Microseconds(NOW + 120 * SECOND)
        spent = Transfer(
            id=EventId("spent"),
            at=host.now,
            payer=user(host.payer),
            payee=FEES,
            amount=Micros(993),
        )
        for command in (Expire(id=EventId("over"), at=host.now, hold=HOLD), spent):
            assert (await host.books.submit(command)).result.is_in_books
        await host.chain.load()
        await host.record(DEVICE.device)
        await host.orphans.load()
        async with host.orphans.running():
            host.orphans.heard(DEVICE.device, finished(), Reported(prompt=10, answer=20))
            told = await asyncio.wait_for(host.told.get(), 20)
            charged = await asyncio.wait_for(host.orphans.charge(JOB), 20)

        verdict, (row,) = VERDICT.read(told.verdict), await host.usage.rows()
        assert verdict is not None
        assert (charged, verdict.charged, row.cost) == (7, 7, 7)

    with_orphans(tmp_path, act)
