"""Laws of usage rows and of the chain of receipts, on real SQLite files."""

import contextlib
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.ids import DeviceId, JobId, RequestId
from app.core.base.units import Micros, Microseconds
from app.server.storage.accounts import Account, Accounts, Project
from app.server.storage.data_folder import copies_of, ensure_data
from app.server.storage.database import Database
from app.server.storage.receipts import Receipts, StoredReceipt
from app.server.storage.usage import Usage, UsageRow
from tests.server.storage.host import BEGIN, DAY, Clock, files_hold, with_host
from tests.server.storage.test_data_folder import old_database


def row(account: Account, project: Project, number: int, at: int = BEGIN) -> UsageRow:
    return UsageRow(
        job=JobId(f"j{number}"),
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


def test_a_request_is_found_by_its_own_id_and_by_that_of_a_job_of_it(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts, usage = await Accounts.open(database, clock), Usage(database, clock)
        anna, bert = await accounts.create("anna"), await accounts.create("bert")
        first, second = (
            replace(row(*anna, number, BEGIN + number), request=RequestId("r1"))
            for number in (1, 2)
        )
        for each in (first, second, row(*bert, 3)):
            usage.note(each)

        assert await usage.find("r1") == (second, first)
        assert await usage.find("j1") == (first,)
        assert await usage.find("r1", account=bert[0].id) == ()
        assert await usage.find("") == await usage.find("r9") == ()

    with_host(tmp_path, act)


def test_nothing_is_written_of_a_forgotten_account_whatever_ends_later(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts, usage = await Accounts.open(database, clock), Usage(database, clock)
        anna, bert = await accounts.create("anna"), await accounts.create("bert")
        usage.note(row(*anna, 1))
        assert await usage.rows()
        usage.note(row(*anna, 2))

        await usage.forget(anna[0].id)
        usage.note(row(*anna, 3))
        usage.note(row(*bert, 4))

        assert await usage.rows() == (row(*bert, 4),)

    with_host(tmp_path, act)


def test_rows_of_a_host_that_kept_no_request_ids_are_brought_on_with_a_copy(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pool" / "pool.db"
    old_database(file, 2, "host")
    with contextlib.closing(sqlite3.connect(file)) as old, old:
        old.execute("insert into accounts values ('a', 'anna', 'active', '', 0, 1, 0)")
        old.execute("insert into projects values ('p', 'a', 'default', 0, null)")
        old.execute(
            "insert into usage values ('job_1', 5, 'a', 'p', 'key k', 'tiny', '', 'completed',"
            " 3, 1, 2, 0, 60, 4, 9, 1, '192.0.2.1')"
        )

    ensure_data(tmp_path, "9.9")

    async def act(database: Database, clock: Clock) -> None:
        (kept,) = await Usage(database, clock).find("job_1")
        assert (kept.job, kept.request, kept.cost, kept.address) == ("job_1", "", 60, "192.0.2.1")

    with_host(file.parent, act)
    assert [copy.name for copy in copies_of(file)] == ["pool.db.schema-2"]


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


def test_ends_are_counted_by_model_and_status_since_the_asked_time(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts, usage = await Accounts.open(database, clock), Usage(database, clock)
        anna = await accounts.create("anna")
        usage.note(row(*anna, 1, BEGIN - 1))
        for number in (2, 3):
            usage.note(row(*anna, number))
        usage.note(replace(row(*anna, 4), status="unserved"))
        usage.note(replace(row(*anna, 5), model="other"))

        found = {(each.model, each.status): each.requests for each in await usage.ends(since=BEGIN)}

        assert found == {
            ("tiny", "completed"): 2,
            ("tiny", "unserved"): 1,
            ("other", "completed"): 1,
        }

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
        assert await receipts.last_of_device(chain[0].device) == chain[2]
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
