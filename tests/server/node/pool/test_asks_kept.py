"""Laws of an ask's entry: it is one ask's, and what is kept is what the host charged."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.core.base.errors import Busy, RequestConflict
from app.wire.pool import Ask, CancelAsk
from tests.server.node.homes import run
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
