"""Laws of an ask's entry: it is one ask's, and what is kept is what the host charged."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import Busy, RequestConflict
from app.core.base.ids import JobId, PoolId
from app.core.base.units import Micros, Microseconds
from app.server.node.pool.desk import PoolDesk
from app.server.node.pool.mirror import Mirror
from app.server.storage.pool_asks import KeptAsk
from app.wire.pool import Ask, CancelAsk, Told
from tests.server.node.homes import run
from tests.server.node.pool.members import Home
from tests.server.node.pool.spenders import answer, ask_for, spender


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Another process writes to the node's file, so that this one waits."""
    other = sqlite3.connect(folder / "node.db", isolation_level=None)
    other.execute("begin immediate")
    try:
        yield
    finally:
        other.execute("rollback")
        other.close()


@contextmanager
def no_end_kept(folder: Path) -> Iterator[None]:
    """The disk takes no end of an ask."""
    with sqlite3.connect(folder / "node.db") as other:
        other.execute(
            "create trigger full before update on pool_asks "
            "begin select raise(abort, 'database or disk is full'); end"
        )
        other.commit()
        yield
        other.execute("drop trigger full")
    other.close()


def kept_ask(home: Home) -> KeptAsk:
    """One that was asked of the pool."""
    return KeptAsk(
        job=JobId("one"),
        pool=home.host.key.pool,
        model="large",
        asked_at=home.pool.house.clock(),
        cost_max=Micros(3000),
    )


def test_of_two_requests_with_one_key_the_second_is_refused_and_the_first_is_kept(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            both = [asyncio.create_task(ask_for(home, key="mine")) for _ in range(2)]
            ask = await answer(home)
            (_, remarks), second = await asyncio.gather(*both, return_exceptions=True)

            assert isinstance(second, RequestConflict)
            assert "is being answered" in second.message
            assert remarks.cost == 70
            kept = await home.pool.house.asks.find(ask.job)
            assert kept is not None and kept.cost == 70
            assert home.mirror.entries == {("spent", ask.job, 0): 70}

    run(act())


def test_an_ask_that_is_written_down_while_a_session_opens_is_asked_and_not_cancelled(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            with writing(tmp_path):
                asking = asyncio.create_task(ask_for(home))
                while not home.pool.house.asks.open_asks:
                    await asyncio.sleep(0)
                home.host.forget()
                home.host.cut()
                await home.host.until(lambda: home.host.has_greeted(2))
            await answer(home)

            assert (await asking)[1].cost == 70
            sent = [frame for frame in home.host.frames if isinstance(frame, Ask | CancelAsk)]
            assert [type(frame) for frame in sent] == [Ask]

    run(act())


@pytest.mark.parametrize("is_for_good", [True, False])
def test_a_client_hears_the_end_when_the_pool_is_left_or_joined_again(
    tmp_path: Path, is_for_good: bool
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            asking = asyncio.gather(ask_for(home), return_exceptions=True)
            ask = await home.host.expect(Ask)

            if is_for_good:
                await home.pool.leave()
            else:
                await home.pool.join(home.host.invite())

            (found,) = await asking
            assert isinstance(found, Busy)
            if not is_for_good:
                assert (await home.host.expect(CancelAsk)).job == ask.job

    run(act())


def test_a_disk_that_is_full_at_the_last_word_keeps_no_client_waiting_and_loses_no_cost(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            with no_end_kept(tmp_path):
                (text, remarks), ask = await asyncio.gather(ask_for(home), answer(home))
            await home.pool.join(home.host.invite())

            assert (text, remarks.cost) == ("hithere", 70)
            assert (await home.host.expect(CancelAsk)).job == ask.job
            await home.host.send(Told(job=ask.job, events=[], is_last=True, cost=Micros(70)))
            await home.until(lambda pool: pool.spent_today == 70)
            assert home.mirror.entries == {("spent", ask.job, 0): 70}

    run(act())


def test_a_session_that_is_resumed_asks_too_for_the_cost_of_what_it_does_not_carry(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            lost = kept_ask(home)
            await home.pool.house.asks.begin(lost)

            home.host.cut()

            assert (await home.host.expect(CancelAsk)).job == lost.job

    run(act())


def test_an_end_that_is_not_in_the_books_is_found_and_booked_when_the_pool_begins_again(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            ask, asks = kept_ask(home), home.pool.house.asks
            await asks.begin(ask)
            # Here the power failed, before the books heard of it.
            await asks.end(replace(ask, cost=Micros(70), ended_at=ask.asked_at))
            before = await PoolDesk(home.pool).verify()

            await home.pool.join(home.host.invite())
            await home.host.until(lambda: home.host.has_greeted(2))

            assert home.mirror.entries == {("spent", ask.job, 0): 70}
            assert (await PoolDesk(home.pool).verify()).is_good
            (finding,) = before.findings
            assert finding.place == "books" and "0 credits were spent" in finding.words

    run(act())


def test_of_two_costs_of_one_ask_the_books_keep_the_first(tmp_path: Path) -> None:
    async def act() -> None:
        mirror, pool, at = Mirror(tmp_path / "books.db"), PoolId("c" * 64), Microseconds(5)
        for cost in (70, 30):
            await mirror.spent(pool, JobId("one"), Micros(cost), at)

        assert await mirror.totals(pool, at) == (0, 70)
        await mirror.close()

    run(act())
