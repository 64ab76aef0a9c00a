"""Laws of the audit of usage: each row says what the books charged for its job."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.ids import JobId, ProjectId
from app.core.base.units import Micros
from app.server.host.usage_audit import audit_usage
from app.server.storage.usage import UsageRow
from tests.server.host.test_orphans import EARNED, JOB, NOW, Host, with_orphans

FREE = JobId("of-an-own-machine")


@pytest.mark.parametrize(
    ("job", "cost", "faults"),
    [
        (JOB, EARNED, []),
        (FREE, 0, []),
        (JOB, 1, [f"usage: the row of job {JOB} says 1 micros, and the books charged {EARNED}"]),
        (FREE, 9, [f"usage: the row of job {FREE} says 9 micros, and the books charged 0"]),
    ],
)
def test_a_row_says_what_the_books_charged_or_is_named(
    tmp_path: Path, job: JobId, cost: int, faults: list[str]
) -> None:
    async def act(host: Host) -> None:
        await host.pay()
        host.usage.note(await row(host, job, cost))

        assert await audit_usage(host.usage, host.books) == faults

    with_orphans(tmp_path, act)


def test_every_row_is_looked_at_however_many_there_are(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        one = await row(host, FREE, 5)
        for number in range(2001):
            host.usage.note(replace(one, job=JobId(f"job-{number}")))

        assert len(await audit_usage(host.usage, host.books)) == 2001

    with_orphans(tmp_path, act)


async def row(host: Host, job: JobId, cost: int) -> UsageRow:
    """Of the payer's own."""
    ((project,),) = await host.database.read(
        "select id from projects where account = ?", host.payer
    )
    return UsageRow(
        job=job,
        at=NOW,
        account=host.payer,
        project=ProjectId(str(project)),
        caller="key k",
        model="tiny",
        status="completed",
        cost=Micros(cost),
    )
