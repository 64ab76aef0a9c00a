"""Laws of the bookkeeper: many callers, one writer, and what is answered is on the disk."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from app.core.base.errors import Busy
from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import FEES, MINT, SALES
from app.core.ledger.commands import Clawback, EventId, LotId, Transfer
from app.core.ledger.result import Result
from app.server.storage.books import Bookkeeper
from app.server.storage.books_audit import audit
from app.server.storage.database import Database, Schema
from tests.server.storage.books.told import (
    ALICE,
    BOB,
    MINUTE,
    NOW,
    a_life,
    grant,
    reserve,
    settle,
)


def with_books(folder: Path, act: Callable[[Bookkeeper], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await Bookkeeper.open(folder / "books.db") as books:
            await act(books)

    asyncio.run(run())


@pytest.mark.parametrize("covered", [0, 1, 137])
def test_of_ten_thousand_reservations_at_once_as_many_succeed_as_the_balance_covers(
    tmp_path: Path, covered: int
) -> None:
    async def act(books: Bookkeeper) -> None:
        if covered:
            await books.submit(grant("grant", covered * 10 + 9))
        asked = (books.submit(reserve(f"hold-{number}", 10)) for number in range(10_000))

        results = Counter(outcome.result for outcome in await asyncio.gather(*asked))

        assert results[Result.DONE] == covered
        assert results[Result.INSUFFICIENT_CREDITS] == 10_000 - covered
        balance = await books.balance(ALICE, NOW)
        assert (balance.held, balance.available) == (covered * 10, 9 if covered else 0)

    with_books(tmp_path, act)


def test_the_same_command_from_many_callers_is_carried_out_once(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        asked = [books.submit(grant("grant", 500)) for _ in range(50)]

        results = Counter(outcome.result for outcome in await asyncio.gather(*asked))

        assert results == {Result.DONE: 1, Result.EXISTS: 49}

    with_books(tmp_path, act)


def test_a_caller_that_is_cancelled_can_ask_again_what_became_of_it(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        asking = asyncio.ensure_future(books.submit(grant("grant", 500)))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

        outcome = await books.submit(grant("grant", 500))

        assert outcome.result.is_in_books and outcome.available == 500

    with_books(tmp_path, act)


def test_what_was_submitted_is_written_before_the_books_are_closed(tmp_path: Path) -> None:
    async def run() -> None:
        books = await Bookkeeper.open(tmp_path / "books.db")
        asked = [asyncio.ensure_future(books.submit(command)) for command in a_life(40)]
        await asyncio.sleep(0)
        await books.close()
        assert {outcome.result for outcome in await asyncio.gather(*asked)} == {Result.DONE}

    asyncio.run(run())

    assert audit(tmp_path / "books.db").events == 82


def test_a_failure_reaches_every_caller_and_the_next_is_served(tmp_path: Path) -> None:
    async def run() -> None:
        books = await Bookkeeper.open(tmp_path / "books.db", busy_seconds=0.01)
        other = sqlite3.connect(tmp_path / "books.db", isolation_level=None)
        other.execute("begin immediate")
        asked = (books.submit(grant(f"g{number}", 1)) for number in range(20))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, Busy) for one in found)

        other.execute("rollback")

        assert (await books.submit(grant("g0", 1))).result is Result.DONE
        other.close()
        await books.close()

    asyncio.run(run())


@pytest.mark.parametrize("schema", ["node", "host"])
def test_books_live_in_the_database_of_a_node_or_a_host(tmp_path: Path, schema: Schema) -> None:
    async def run() -> None:
        path = tmp_path / "own.db"
        async with (
            await Database.open(path, schema) as database,
            await Bookkeeper.open(path) as books,
        ):
            for command in a_life():
                assert (await books.submit(command)).result is Result.DONE
            await database.write("create table others (name text) strict")
            await database.write("insert into others values ('beside')")
            assert (await books.audit()).is_clean
        async with await Database.open(path, schema) as database:
            assert await database.read("select name from others") == [("beside",)]

    asyncio.run(run())


def test_a_sweep_ends_what_is_due_and_nothing_else(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        ending = Transfer(
            id=EventId("ending"),
            at=NOW,
            payer=MINT,
            payee=BOB,
            amount=Micros(70),
            source="granted",
            expires_at=Microseconds(NOW + MINUTE),
        )
        for command in (grant("grant", 500), ending, reserve("h", 100), reserve("h" * 200, 1)):
            assert (await books.submit(command)).result is Result.DONE
        assert await books.sweep(Microseconds(NOW + MINUTE - 1)) == (0, 0, True)

        assert await books.sweep(Microseconds(NOW + MINUTE)) == (2, 1, True)

        assert (await books.balance(ALICE, NOW)).available == 500
        assert (await books.balance(BOB, NOW)).balance == 0
        assert await books.sweep(Microseconds(NOW + MINUTE)) == (0, 0, True)

    with_books(tmp_path, act)


def test_a_clock_that_was_a_year_ahead_and_came_back_leaves_nothing_held(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        year = 365 * 24 * 60 * MINUTE
        ahead = msgspec.structs.replace(reserve("h", 100), at=Microseconds(NOW + year))
        await books.submit(grant("grant", 500))
        await books.submit(ahead)

        await books.sweep(NOW)

        assert (await books.balance(ALICE, NOW)).held == 0

    with_books(tmp_path, act)


def test_a_statement_tells_an_accounts_postings_newest_first_and_in_pages(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        for command in a_life(4):
            await books.submit(command)

        first = await books.statement(ALICE, limit=2)
        rest = await books.statement(ALICE, before=first[-1].event)

        assert [(row.id, row.amount) for row in (*first, *rest)] == [
            ("end-3", -103),
            ("end-1", -101),
            ("end-0", -100),
            ("grant", 10_000),
        ]
        assert rest[-1].source == "granted" and first[0].kind == "settle"

    with_books(tmp_path, act)


def test_a_flow_sums_what_came_and_went_within_a_time(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        for command in a_life(4):
            await books.submit(command)
        after = Microseconds(NOW + 1)

        assert await books.flow(ALICE, since=NOW, until=after) == (10_000, 304, 4)
        assert await books.flow(ALICE, since=after, until=Microseconds(after + 1)) == (0, 0, 0)

    with_books(tmp_path, act)


def test_what_an_account_earned_in_a_day_is_told_whatever_else_came_in(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        for command in (*a_life(4), grant("gift", 5_000, BOB)):
            await books.submit(command)

        assert await books.earned_in_day(BOB, NOW) == 90 + 91 + 93
        assert await books.earned_in_day(BOB, Microseconds(NOW + 24 * 60 * MINUTE)) == 0

    with_books(tmp_path, act)


def test_what_is_owed_is_not_available(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        bought = Transfer(
            id=EventId("b"), at=NOW, payer=SALES, payee=ALICE, amount=Micros(500), source="bought"
        )
        for command in (
            bought,
            reserve("h", 400),
            settle("e", "h", 400),
            Clawback(id=EventId("c"), at=NOW, lot=LotId("b"), amount=Micros(500)),
        ):
            assert (await books.submit(command)).result is Result.DONE

        assert await books.balance(ALICE, NOW) == (0, 0, 0, 400)
        assert [account for account, _ in await books.balances("user", NOW)] == [BOB, ALICE]
        assert (await books.balance(FEES, NOW)).balance == 40
        assert [lot.balance for lot in await books.lots(BOB)] == [360]

    with_books(tmp_path, act)


def test_a_hold_is_known_while_it_is_open_and_after_it_ended(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        for command in a_life():
            await books.submit(command)

        left, ended = [await books.hold(EventId(name)) for name in ("left-open", "hold-0")]

        assert left is not None and (left.state, left.amount) == ("open", 700)
        assert ended is not None and (ended.state, ended.granted) == ("posted", 500)
        assert await books.hold(EventId("never")) is None

    with_books(tmp_path, act)


def test_what_a_debt_takes_when_a_job_is_paid_is_no_part_of_the_jobs_charge(tmp_path: Path) -> None:
    async def act(books: Bookkeeper) -> None:
        taken = Clawback(
            id=EventId("taken"), at=NOW, lot=LotId("grant"), amount=Micros(1_000), about=""
        )
        for command in (grant("grant", 1_000), reserve("hold", 500), taken):
            await books.submit(command)

        outcome = await books.submit(settle("paid", "hold", 200))

        assert outcome.amount == 200
        assert await books.charged(EventId("hold")) == [200]
        assert (await books.balance(ALICE, NOW)).balance == 0

    with_books(tmp_path, act)
