"""What was paid for jobs of an earlier run is told to whoever paid."""

import asyncio
from pathlib import Path

import pytest

from tests.core.pool.chains import DEVICE
from tests.server.host.test_orphans import JOB, Host, finished, with_orphans


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
