"""Laws of members who are stopped: their machines go at once, and are told why."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.client.client import Client
from app.wire.pool import Offer
from app.wire.pool_admin import AccountChange
from tests.server.host.pools import chat, pool, workers
from tests.support.pool_worker import Worker


def pause(client: Client) -> None:
    client.change_pool_account("member", AccountChange(state="paused", reason="ask me"))


def close(client: Client) -> None:
    client.change_pool_account("member", AccountChange(state="closed", reason="gone"))


def remove(client: Client) -> None:
    client.remove_machine("box")


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
