"""Laws of members who are stopped: their machines go at once, and are told why."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.client.client import Client
from app.wire.pool_admin import AccountChange
from tests.server.host.pools import pool, workers
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
