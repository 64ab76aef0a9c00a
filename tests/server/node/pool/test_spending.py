"""Laws of spending: never more than the owner allows, and answers as from home."""

import asyncio
from pathlib import Path

import pytest

from app.core.base.errors import (
    AthanorError,
    Busy,
    CreditsShort,
    EngineFailed,
    Forbidden,
    ModelNotFound,
    RequestConflict,
    Unserved,
    Unsupported,
)
from app.core.base.units import Micros
from app.core.pool.sealing import SealedPiece
from app.server.identity.keys import DeviceKey
from app.server.identity.sealing import open_sealed
from app.server.node.pool.lessor import Lessor
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Embed,
    Embedded,
    Refused,
    Said,
    Timings,
    Tokenize,
    Usage,
)
from app.wire.pool import Ask, CancelAsk, Counted, Market, Quote, Sealed, Told
from tests.server.node.homes import request_id, run, saying, toy
from tests.server.node.pool.spenders import QUOTE, answer, ask_for, spender


def test_a_pools_model_answers_as_one_at_home_and_tells_whose_machine_and_what_it_cost(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            (text, remarks), ask = await asyncio.gather(ask_for(home), answer(home))

            assert text == "hithere"
            assert (remarks.served_by, remarks.cost, remarks.job) == ("ben", 70, ask.job)
            assert remarks.model_sha256 == "a" * 64
            shown = await home.until(lambda pool: pool.spent_today == 70)
            assert shown.spending == 0
            assert home.mirror.entries == {("spent", ask.job, 0): 70}
            kept = await home.pool.house.asks.find(ask.job)
            assert kept is not None and (kept.cost, kept.receipt, kept.completion) == (70, "r1", 2)

    run(act())


def test_what_is_asked_says_nothing_of_where_it_came_from_in_the_node(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            _, ask = await asyncio.gather(ask_for(home), answer(home))

            assert not isinstance(ask.body, Sealed | Embed)
            assert ask.body.domain == "owner"
            assert len(ask.commitment_key) == 32
            assert ask.cost_max == 3000

    run(act())


@pytest.mark.parametrize(
    ("settings", "name", "error"),
    [
        ({"spending": "off"}, "pool/large", Forbidden),
        ({}, "pool/unknown", Unserved),
        ({}, "unknown", ModelNotFound),
        ({"spend_request_max": "0"}, "pool/large", CreditsShort),
        ({"spend_day_max": "0"}, "pool/large", CreditsShort),
        ({"spend_month_max": "0"}, "pool/large", CreditsShort),
        ({"trust": "own"}, "pool/large", Unserved),
        ({"trust": "friends"}, "pool/large", Unserved),
    ],
)
def test_what_the_owner_does_not_allow_is_refused_before_the_host_hears_of_it(
    tmp_path: Path, settings: dict[str, object], name: str, error: type[AthanorError]
) -> None:
    async def act() -> None:
        async with spender(tmp_path, **settings) as home:
            with pytest.raises(error):
                await ask_for(home, name)

            assert not [frame for frame in home.host.frames if isinstance(frame, Ask)]
            assert not home.pool.house.asks.open_asks

    run(act())


def test_a_name_that_is_not_at_home_goes_out_only_where_the_owner_allows_that(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with spender(tmp_path, spending="missing") as home:
            assert Lessor(home.node.router, home.pool).find("large") == "pool/large"
            (text, _), _ = await asyncio.gather(ask_for(home, "large"), answer(home))
            assert text == "hithere"
            assert (await ask_for(home, "echo"))[0] == "hello"
            with pytest.raises(ModelNotFound):
                Lessor(home.node.router, home.pool).find("nowhere")

    run(act())


def test_a_request_may_cost_what_is_left_of_the_day_and_no_more(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path, spend_day_max="0.0001") as home:
            _, ask = await asyncio.gather(ask_for(home), answer(home, cost=70))
            assert ask.cost_max == 100
            _, ask = await asyncio.gather(ask_for(home), answer(home, cost=30))
            assert ask.cost_max == 30

            with pytest.raises(CreditsShort, match="limit of a day"):
                await ask_for(home)

    run(act())


def test_requests_at_one_time_cannot_spend_the_same_credit_twice(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path, spend_day_max="0.005") as home:
            tasks = [asyncio.gather(ask_for(home), return_exceptions=True) for _ in range(8)]
            asks = [await home.host.expect(Ask), await home.host.expect(Ask)]

            assert sorted(ask.cost_max for ask in asks) == [2000, 3000]
            for ask in asks:
                await home.host.send(Told(job=ask.job, events=[], is_last=True))
            ended = [found for task in tasks for found in await task]
            assert sum(isinstance(each, CreditsShort) for each in ended) == 6

    run(act())


def test_a_host_cannot_make_a_node_pay_more_than_was_agreed(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path, spend_request_max="0.0005") as home:
            (_, remarks), _ = await asyncio.gather(ask_for(home), answer(home, cost=10**9))

            assert remarks.cost == 500

    run(act())


def test_a_client_that_leaves_cancels_and_pays_what_was_delivered(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            async with Lessor(home.node.router, home.pool).lease("pool/large") as link:
                events = link.stream(saying("hello"))
                first = asyncio.ensure_future(anext(aiter(events)))
                ask = await home.host.expect(Ask)
                assert not isinstance(ask.body, Sealed)
                begun = Begun(request=ask.body.request, prompt_tokens=7)
                await home.host.send(Told(job=ask.job, events=[begun]))
                await first
                await events.aclose()  # type: ignore[attr-defined]

            cancelled = await home.host.expect(CancelAsk)
            assert cancelled.job == ask.job
            await home.host.send(Told(job=ask.job, events=[], is_last=True, cost=Micros(11)))
            await home.until(lambda pool: pool.spent_today == 11)

    run(act())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unserved", Unserved),
        ("credits_short", CreditsShort),
        ("engine_failed", EngineFailed),
        ("busy", Busy),
        ("unsupported", Unsupported),
    ],
)
def test_a_refusal_of_the_pool_is_the_same_error_here(
    tmp_path: Path, kind: str, error: type[AthanorError]
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            asking = asyncio.gather(ask_for(home), return_exceptions=True)
            ask = await home.host.expect(Ask)
            refused = Refused(request=request_id(), kind=kind, message="so it is")
            await home.host.send(Told(job=ask.job, events=[refused], is_last=True))

            (found,) = await asking

            assert isinstance(found, error)
            assert found.message == "so it is"
            assert not home.pool.house.asks.open_asks

    run(act())


def test_an_answer_without_a_last_word_is_told_as_an_error_and_never_as_whole(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            asking = asyncio.gather(ask_for(home), return_exceptions=True)
            ask = await home.host.expect(Ask)
            await home.host.send(Told(job=ask.job, events=[], is_last=True, cost=Micros(3)))

            (found,) = await asking

            assert isinstance(found, EngineFailed)

    run(act())


def test_a_cut_socket_in_mid_answer_is_not_seen_by_the_client(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            asking = asyncio.gather(ask_for(home))
            ask = await home.host.expect(Ask)
            assert not isinstance(ask.body, Sealed)
            request = ask.body.request
            for index in range(30):
                delta = Delta(request=request, choice=0, parts=[Said(text=f"{index},")])
                await home.host.send(Told(job=ask.job, events=[delta]))
                if index % 10 == 5:
                    home.host.cut()
                    count = len(home.host.greeted) + 1
                    await home.host.until(lambda count=count: home.host.has_greeted(count))  # type: ignore[misc]
            usage = Usage(prompt=7, cached=0, completion=30)
            timings = Timings(queue_ms=0, prompt_ms=0, decode_ms=0)
            completed = Completed(request=request, usage=usage, timings=timings)
            await home.host.send(
                Told(job=ask.job, events=[completed], is_last=True, cost=Micros(9))
            )

            ((text, remarks),) = await asking

            assert text == "".join(f"{index}," for index in range(30))
            assert remarks.cost == 9

    run(act())


def test_when_the_host_forgets_the_session_the_client_is_told_and_the_cost_is_asked_for(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            asking = asyncio.gather(ask_for(home), return_exceptions=True)
            ask = await home.host.expect(Ask)
            word = Delta(request=request_id(), choice=0, parts=[Said(text="a")], tokens=1)
            await home.host.send(Told(job=ask.job, events=[word], served_by="ben"))
            assert home.pool.member is not None
            spending = home.pool.member.spending
            while not spending._under_way[ask.job].completion:
                await home.node.hub.bell.wait(0.05)
            home.host.forget()
            home.host.cut()

            (found,) = await asking
            assert isinstance(found, Busy)
            assert (await home.host.expect(CancelAsk)).job == ask.job
            assert not spending._under_way
            await home.host.send(Told(job=ask.job, events=[], is_last=True, cost=Micros(5)))
            await home.until(lambda pool: pool.spent_today == 5)
            kept = await home.pool.house.asks.find(ask.job)
            assert kept is not None and (kept.completion, kept.served_by) == (1, "ben")

    run(act())


def test_the_same_idempotency_key_is_not_answered_twice(tmp_path: Path) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            _, first = await asyncio.gather(ask_for(home, key="mine"), answer(home))
            with pytest.raises(RequestConflict):
                await ask_for(home, key="mine")
            _, second = await asyncio.gather(ask_for(home, key="other"), answer(home))

            assert first.job != second.job

    run(act())


def test_vectors_come_from_the_pool_too_and_tokens_do_not(tmp_path: Path) -> None:
    async def act() -> None:
        async with (
            spender(tmp_path) as home,
            Lessor(home.node.router, home.pool).lease("pool/large") as link,
        ):
            question = Embed(request=request_id(), inputs=["hello"])
            asking = asyncio.gather(link.ask(question))
            ask = await home.host.expect(Ask)
            embedded = Embedded(request=question.request, vectors=[b"1234"], prompt_tokens=3)
            await home.host.send(Told(job=ask.job, events=[embedded]))
            await home.host.send(Told(job=ask.job, events=[], is_last=True, cost=Micros(4)))
            (found,) = await asking
            assert isinstance(found, Embedded) and found.vectors == [b"1234"]
            assert link.remarks.cost == 4
            with pytest.raises(Unsupported):
                await link.ask(Tokenize(request=request_id(), text="hello"))

    run(act())


def test_what_only_friends_may_read_is_sealed_to_one_of_them_and_counted_by_both(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path) as home:
            friend = DeviceKey.ensure(tmp_path / "friend.key")
            card = friend.sealing_key + friend.sign(b"athanor sealing key 1\n" + friend.sealing_key)
            forged = b"x" * 96
            quote = Quote(
                model="large",
                sha256="a" * 64,
                context=1000,
                prices=QUOTE.prices,
                wait_seconds=0.0,
                workers=2,
                sealing={friend.device: card, "0" * 64: forged},
            )
            assert home.pool.member is not None
            home.pool.member.market.came(Market(quotes=(quote,)))
            asking = asyncio.gather(ask_for(home, provider={"trust": "friends"}))
            ask = await home.host.expect(Ask)

            assert isinstance(ask.body, Sealed)
            assert (ask.worker, ask.circle, ask.commitment_key) == (friend.device, "friends", b"")
            request, sealer = open_sealed(ask.body, key=friend, job=ask.job, attempt=0)
            delta = Delta(request=request_id(), choice=0, parts=[Said(text="psst")])
            usage = Usage(prompt=7, cached=0, completion=1)
            timings = Timings(queue_ms=0, prompt_ms=0, decode_ms=0)
            completed = Completed(request=request_id(), usage=usage, timings=timings)
            piece = SealedPiece(tokens=[5], events=[delta, completed], is_last=True)
            told = Told(job=ask.job, events=[], sealed=sealer.seal(piece))
            await home.host.send(told)
            await home.host.expect(Counted)
            await home.host.send(Told(job=ask.job, events=[], is_last=True, cost=Micros(6)))

            ((text, remarks),) = await asking
            assert (text, remarks.cost) == ("psst", 6)
            assert len(request.commitment_key) == 32

    run(act())


def test_an_ask_that_was_open_when_the_node_died_counts_until_its_cost_is_known(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with spender(tmp_path, spend_day_max="0.003") as home:
            asking = asyncio.gather(ask_for(home), return_exceptions=True)
            ask = await home.host.expect(Ask)
            home.host.forget()
            home.host.cut()
            await asking
            await home.host.expect(CancelAsk)

            with pytest.raises((CreditsShort, Unserved)):
                await ask_for(home)
            house = home.pool.house
            spent = await house.asks.spent(house.clock(), house.offset, home.host.key.pool)
            assert spent.reserved == 3000
            await home.host.send(Told(job=ask.job, events=[], is_last=True))
            while home.pool.house.asks.open_asks:
                await home.node.hub.bell.wait(0.05)

    run(act())
