"""A host whose database another program holds in mid-answer: it goes on, or says so, and pays."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.server.host.pools import Gate, Pool, chat, pool, workers
from tests.server.host.test_asks_of_before import Asker
from tests.server.host.test_callers import QUICK
from tests.support.pool_worker import Worker
from tests.support.worker_engine import engine_compute

TEXT = "a long answer, byte by byte"
LIMIT = 90.0


@contextmanager
def held(club: Pool) -> Iterator[sqlite3.Connection]:
    """Another program writes into the host's database, until it commits or the block ends."""
    other = sqlite3.connect(club.host.paths.pool_database, isolation_level=None, timeout=LIMIT)
    try:
        other.execute("begin exclusive")
        yield other
    finally:
        other.close()


async def settled(club: Pool) -> tuple[int, int]:
    """What the caller has once nothing of it is held any more."""
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        while True:
            looking = group.create_task(asyncio.to_thread(club.available), name="look")
            if (found := await looking)[1] == 0:
                return found


def check_books(club: Pool) -> None:
    """The books are whole."""
    with club.host.client() as client:
        assert client.audit().holds


async def at_token(
    club: Pool, gate: Gate, box: Worker, *, release: str
) -> tuple[httpx.Response, float]:
    """The answer to a request over whose middle the file is held; and how long it took."""
    clock = asyncio.get_running_loop().time
    async with club.api() as api, asyncio.timeout(LIMIT):
        asking = asyncio.create_task(api.post("/chat/completions", json=chat(TEXT)))
        await gate.reached.wait()
        with held(club) as other:
            began = clock()
            gate.opened.set()
            if release == "early":
                await box.until(lambda: bool(box.receipts))
                other.execute("commit")
            answer = await asking
            return answer, clock() - began


@pytest.mark.parametrize("at", [0, 10])
def test_an_answer_is_whole_though_another_program_held_the_file_in_its_middle(
    tmp_path: Path, at: int
) -> None:
    async def act() -> httpx.Response:
        gate = Gate(at)
        async with workers(club, "box", before=gate) as (box,):
            answer, _ = await at_token(club, gate, box, release="early")
            await box.until(lambda: bool(box.verdicts))
            return answer

    with pool(tmp_path, *QUICK) as club:
        before, _ = club.available()
        answer = asyncio.run(act())

        usage = answer.json()["usage"]
        assert answer.json()["choices"][0]["message"]["content"] == TEXT
        assert club.available() == (before - usage["cost_micros"], 0)
        check_books(club)


@pytest.mark.parametrize("at", [0, 10])
def test_an_answer_ends_though_the_file_is_held_past_its_end_and_is_paid_later(
    tmp_path: Path, at: int
) -> None:
    async def act() -> tuple[httpx.Response, float, tuple[int, int]]:
        gate = Gate(at)
        async with workers(club, "box", before=gate) as (box,):
            answer, seconds = await at_token(club, gate, box, release="late")
            after = await settled(club)
            await box.until(lambda: bool(box.verdicts))
            return answer, seconds, after

    with pool(tmp_path, *QUICK) as club:
        before, _ = club.available()
        answer, seconds, (after, _) = asyncio.run(act())

        body = answer.json()
        usage = body["usage"]
        cost = round(usage["prompt_tokens"] * 0.1 + usage["completion_tokens"] * 0.4)
        assert body["choices"][0]["message"]["content"] == TEXT
        assert "cost_micros" not in usage, "nobody knows it before it is in the books"
        assert seconds < 30
        assert before - after == cost
        check_books(club)


def test_what_an_answer_costs_is_told_and_written_down_when_the_books_have_it(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        arrived, opened = asyncio.Semaphore(0), asyncio.Event()

        async def at_the_tenth(_: object, first: int) -> None:
            if first == 10:
                arrived.release()
                await opened.wait()

        async with (
            asyncio.timeout(LIMIT),
            workers(club, "box", before=at_the_tenth),
            engine_compute(club.model) as compute,
            Asker(club, compute).running() as asker,
            club.api() as api,
        ):
            assert isinstance(asker, Asker)
            before, _ = club.available()
            asker.ask()
            asking = asyncio.create_task(api.post("/chat/completions", json=chat(TEXT)))
            for _ in range(2):
                await arrived.acquire()
            with held(club):
                opened.set()
                assert "cost_micros" not in (await asking).json()["usage"], "the books are held"
            told = await asker.last()
            after, _ = await settled(club)

            rows = (await api.get("/credits/usage")).json()["data"]
            assert sorted(row["cost"] for row in rows) == [told.cost, told.cost]
            assert before - after == 2 * told.cost > 0

    with pool(tmp_path, *QUICK) as club:
        asyncio.run(act())


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}], ids=["plain", "key"])
def test_a_request_that_comes_while_the_file_is_held_is_told_when_to_come_again(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async def act() -> list[httpx.Response]:
        async with workers(club, "box"), club.api(**headers) as api, asyncio.timeout(LIMIT):
            with held(club):
                refused = await api.post("/chat/completions", json=chat(TEXT))
            return [refused, await api.post("/chat/completions", json=chat(TEXT))]

    with pool(tmp_path, *QUICK) as club:
        before, _ = club.available()
        refused, answered = asyncio.run(act())

        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (503, "busy"), error
        assert int(refused.headers["retry-after"]) > 0
        assert answered.status_code == 200, answered.text
        cost = answered.json()["usage"]["cost_micros"]
        assert club.available() == (before - cost, 0)
        check_books(club)


def test_a_caller_that_leaves_while_the_file_is_held_hinders_nobody_afterwards(
    tmp_path: Path,
) -> None:
    async def act() -> httpx.Response:
        async with workers(club, "box"), asyncio.timeout(LIMIT):
            with held(club):
                async with club.api(**{"Idempotency-Key": "one"}) as api:
                    asking = asyncio.create_task(api.post("/chat/completions", json=chat(TEXT)))
                    # It waits for the file by then, as nothing else is to be waited for.
                    await asyncio.wait({asking}, timeout=1.0)
                    asking.cancel()
                    await asyncio.wait({asking})
                while "route=/v1/chat/completions" not in club.host.log:
                    await asyncio.to_thread(club.available)
            async with club.api(**{"Idempotency-Key": "two"}) as api:
                return await api.post("/chat/completions", json=chat(TEXT))

    with pool(tmp_path, *QUICK) as club:
        answer = asyncio.run(act())

        assert answer.status_code == 200, answer.text
        assert club.available()[1] == 0
        check_books(club)
