"""Laws of members who are stopped: their machines go at once, and are told why."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.client.client import Client
from app.wire.pool import Offer
from app.wire.pool_admin import AccountChange
from tests.server.host.pools import chat, pool, workers
from tests.support.pool_worker import Worker

PAUSED = "waiting the account 'member' is paused: ask me"


def pause(client: Client) -> None:
    client.change_pool_account("member", AccountChange(state="paused", reason="ask me"))


def close(client: Client) -> None:
    client.change_pool_account("member", AccountChange(state="closed", reason="gone"))


def remove(client: Client) -> None:
    client.remove_machine("box")


def said(box: Worker) -> list[str]:
    return box.lives_words


def later(box: Worker) -> None:
    """Ten minutes pass for the worker."""
    box.slept_seconds += 600
    box.link.wake()


@pytest.mark.parametrize(
    ("stop", "words"),
    [(pause, "paused: ask me"), (close, "closed: gone"), (remove, "removed from the pool")],
)
def test_a_machine_of_a_stopped_member_is_gone_at_once_and_told_why(
    tmp_path: Path, stop: Callable[[Client], None], words: str
) -> None:
    async def act() -> Worker:
        async with workers(club, "box") as (box,):
            with club.host.client() as client:
                await asyncio.to_thread(stop, client)
            await box.until(lambda: any(words in said for said in box.lives_words))
            with club.host.client() as client:
                (machine,) = client.machines().machines
                assert not machine.is_connected
            return box

    with pool(tmp_path) as club:
        box = asyncio.run(act())

    assert any(words in said for said in box.over_words)


def test_a_machine_of_a_paused_account_asks_again_by_itself_and_comes_back_after_the_resume(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with workers(club, "box") as (box,), club.api() as api:
            with club.host.client() as client:
                await asyncio.to_thread(pause, client)
            await box.until(lambda: PAUSED in said(box))
            assert box.retry_at is not None
            assert 240 < box.retry_at - time.time() < 600

            later(box)
            await box.until(lambda: said(box).count(PAUSED) == 2)
            with club.host.client() as client:
                await asyncio.to_thread(
                    client.change_pool_account, "member", AccountChange(state="active")
                )
            later(box)
            await box.until(lambda: said(box)[-1] == "connected")
            answer = await api.post("/chat/completions", json=chat("some words to give back"))

            assert answer.status_code == 200

    with pool(tmp_path) as club:
        asyncio.run(act())


@pytest.mark.parametrize(
    ("stop", "words"),
    # A worker shows its invite for ever, and that of one that was removed is used up.
    [(close, "is closed: gone"), (remove, "the invite is not known")],
)
def test_what_is_closed_or_removed_stays_away(
    tmp_path: Path, stop: Callable[[Client], None], words: str
) -> None:
    async def act() -> None:
        async with workers(club, "box") as (box,):
            with club.host.client() as client:
                await asyncio.to_thread(stop, client)

            await box.until(lambda: said(box)[-1].startswith("refused"))

            assert words in said(box)[-1]
            assert box.retry_at is None

    with pool(tmp_path) as club:
        asyncio.run(act())


def test_members_hear_that_the_host_stops_before_the_last_answers_are_over(tmp_path: Path) -> None:
    async def act() -> tuple[int, str]:
        async with workers(club, "box") as (box,), club.api() as api:

            async def stop_first(_: Offer, first: int) -> None:
                if first == 1:
                    with club.host.client() as client:
                        await asyncio.to_thread(client.stop)
                    await box.until(lambda: bool(box.farewells))

            box.before = stop_first
            answer = await api.post("/chat/completions", json=chat("some words to give back"))
            return answer.status_code, box.farewells[0].reason

    with pool(tmp_path) as club:
        assert asyncio.run(act()) == (200, "drain")
