"""Laws of usage rows and of the chain of receipts, on real SQLite files."""

import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.ids import DeviceId, JobId, RequestId
from app.core.base.units import Micros, Microseconds
from app.server.storage.accounts import Account, Accounts, Project
from app.server.storage.database import Database
from app.server.storage.receipts import Receipts, StoredReceipt
from app.server.storage.usage import Usage, UsageRow
from tests.server.storage.host import BEGIN, DAY, Clock, files_hold, with_host


def row(account: Account, project: Project, number: int, at: int = BEGIN) -> UsageRow:
    return UsageRow(
        request=RequestId(f"r{number}"),
        at=Microseconds(at),
        account=account.id,
        project=project.id,
        caller="key a",
        model="tiny",
        status="completed",
        prompt=10,
        cached=2,
        answer=number,
        cost=Micros(number * 100),
        total_ms=5,
        address="198.51.100.7",
    )


def test_a_row_is_kept_once_whatever_is_repeated(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, project = await (await Accounts.open(database, clock)).create("anna")
        usage = Usage(database, clock)
        for number in (1, 2, 1):
            usage.note(row(account, project, number, BEGIN + number))

        assert await usage.rows() == tuple(
            row(account, project, number, BEGIN + number) for number in (2, 1)
        )
        assert await usage.rows(most=1, before=Microseconds(BEGIN + 2)) == (
            row(account, project, 1, BEGIN + 1),
        )

    with_host(tmp_path, act)


def test_totals_are_those_of_the_asked_time_dearest_first(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts, usage = await Accounts.open(database, clock), Usage(database, clock)
        anna, bert = await accounts.create("anna"), await accounts.create("bert")
        usage.note(row(*anna, 1, BEGIN - 1))
        usage.note(row(*anna, 2))
        usage.note(row(*bert, 3))
        usage.note(row(*bert, 4))

        found = await usage.totals("account", since=BEGIN)

        assert [(each.of, each.requests, each.answer, each.cost) for each in found] == [
            (bert[0].id, 2, 7, 700),
            (anna[0].id, 1, 2, 200),
        ]
        (of_key,) = await usage.totals("caller", since=0, account=anna[0].id)
        assert (of_key.of, of_key.requests, of_key.prompt, of_key.cached) == ("key a", 2, 20, 4)

    with_host(tmp_path, act)


def test_addresses_and_rows_are_dropped_after_their_days_from_the_file_too(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, project = await (await Accounts.open(database, clock)).create("anna")
        usage = Usage(database, clock)
        usage.note(row(account, project, 1, BEGIN - 40 * DAY))
        usage.note(row(account, project, 2, BEGIN - 8 * DAY))
        usage.note(row(account, project, 3))
        await usage.flush()

        assert await usage.sweep(address_days=7, row_days=30) == (2, 1)

        assert [(each.request, each.address) for each in await usage.rows()] == [
            ("r3", "198.51.100.7"),
            ("r2", None),
        ]
        clock.now += 8 * DAY
        await usage.sweep(address_days=7, row_days=30)

    with_host(tmp_path, act)
    assert not files_hold(tmp_path, b"198.51.100.7")


def test_rows_wait_in_memory_while_the_file_cannot_be_written(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, project = await (await Accounts.open(database, clock)).create("anna")
        usage = Usage(database, clock)
        await database.write("alter table usage rename to elsewhere")
        usage.note(row(account, project, 1, BEGIN))
        usage.note(row(account, project, 2, BEGIN + 1))
        await usage.flush()
        await database.write("alter table elsewhere rename to usage")

        assert [each.request for each in await usage.rows()] == ["r2", "r1"]

    with_host(tmp_path, act)


def receipt(account: Account, position: int, job: str = "j", attempt: int = 0) -> StoredReceipt:
    verdict = f"{job}/{attempt}".encode()
    return StoredReceipt(
        job=JobId(job),
        attempt=attempt,
        payer=account.id,
        device=DeviceId("a" * 64),
        earner=account.id,
        position=position,
        hash=sha256(verdict).digest(),
        device_hash=b"" if attempt else sha256(b"node" + verdict).digest(),
        verdict=verdict,
        signature=b"s" * 64,
        at=Microseconds(BEGIN),
    )


def test_the_chain_is_read_as_it_was_appended(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, _ = await (await Accounts.open(database, clock)).create("anna")
        receipts = Receipts(database)
        chain = [receipt(account, 0), receipt(account, 1, attempt=1), receipt(account, 2, "k")]
        for each in chain:
            assert await receipts.append(each)

        assert await receipts.all() == tuple(chain)
        assert await receipts.all(after=0, most=1) == (chain[1],)
        assert await receipts.head() == chain[2]
        assert await receipts.of_job(JobId("j")) == tuple(chain[:2])
        assert await receipts.of_device(chain[0].device, after=1) == (chain[2],)
        assert await receipts.last_of_device(chain[0].device) == (2, chain[2])
        assert await receipts.of_account(account.id, before=2) == (chain[1], chain[0])
        assert await receipts.of_account(account.id, most=1) == (chain[2],)
        assert await receipts.count() == 3

    with_host(tmp_path, act)


def test_an_attempt_has_one_receipt_and_a_position_holds_one(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, _ = await (await Accounts.open(database, clock)).create("anna")
        receipts = Receipts(database)
        assert await receipts.append(receipt(account, 0))

        assert not await receipts.append(replace(receipt(account, 1), verdict=b"other"))
        with pytest.raises(sqlite3.IntegrityError):
            await receipts.append(receipt(account, 0, "k"))
        assert await receipts.all() == (receipt(account, 0),)

    with_host(tmp_path, act)


@pytest.mark.parametrize("change", ["update receipts set verdict = x'00'", "delete from receipts"])
def test_a_receipt_is_neither_changed_nor_deleted(tmp_path: Path, change: str) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, _ = await (await Accounts.open(database, clock)).create("anna")
        await Receipts(database).append(receipt(account, 0))

        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            await database.write(change)

    with_host(tmp_path, act)
