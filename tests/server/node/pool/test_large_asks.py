"""Laws of large requests to a pool: they are sent whole or refused in words, and harm no other."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import Busy, EngineFailed, TooLarge
from app.server.identity.keys import DeviceKey
from app.server.node.pool.lessor import Lessor
from app.wire.engine import Embed
from app.wire.pool import Ask, Market, Told
from tests.server.node.homes import request_id, run, saying
from tests.server.node.pool.spenders import QUOTE, spender


@pytest.mark.parametrize("trust", ["anyone", "friends"])
def test_a_request_that_no_message_carries_is_refused_and_harms_no_other(
    tmp_path: Path, trust: str
) -> None:
    async def act() -> None:
        async with spender(tmp_path, trust=trust) as home:
            assert home.pool.member is not None
            friend = DeviceKey.ensure(tmp_path / "friend.key")
            card = friend.sealing_key + friend.sign(b"athanor sealing key 1\n" + friend.sealing_key)
            quote = replace(QUOTE, sealing={friend.device: card})
            home.pool.member.market.came(Market(quotes=(quote,)))
            async with Lessor(home.node.router, home.pool).lease("pool/large") as link:
                with pytest.raises(TooLarge, match="at most"):
                    _ = [event async for event in link.stream(saying("x" * 9 * 1024 * 1024))]
                assert not home.pool.house.asks.open_asks

                asking = asyncio.gather(link.ask(Embed(request=request_id(), inputs=["hello"])))
                ask = await home.host.expect(Ask)
                await home.host.send(Told(job=ask.job, events=[], is_last=True))
                with pytest.raises(EngineFailed):
                    await asking
            assert home.host.sockets == 1

    run(act())


def test_large_requests_at_one_time_wait_their_turn_and_the_session_stands(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            assert home.pool.member is not None
            home.host.is_silent = True
            async with Lessor(home.node.router, home.pool).lease("pool/large") as link:
                pictures = [link.stream(saying("x" * 6 * 1024 * 1024)) for _ in range(3)]
                tasks = [asyncio.ensure_future(anext(aiter(each))) for each in pictures]

                ended, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

                (refused,) = ended
                assert isinstance(refused.exception(), Busy) and len(waiting) == 2
                assert home.pool.member.link.is_open
                assert len(home.pool.house.asks.open_asks) == 2
                for task in waiting:
                    task.cancel()

    run(act())
