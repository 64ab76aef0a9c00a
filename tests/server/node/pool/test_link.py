"""Laws of the link: it comes back from whatever the network does, and never disturbs the node."""

import asyncio
import contextlib
import functools
from pathlib import Path

import pytest

from app.core.base.errors import Busy, RequestError
from app.core.base.units import Micros
from app.server.node.pool.desk import PoolDesk
from app.wire.pool import Chunk, GoingAway, Heartbeat, Register, Standing
from tests.server.node.homes import run, toy
from tests.server.node.pool.members import joined, member_home
from tests.server.node.pool.offers import body_of, lent, offer_job
from tests.support.scripted_host import scripted_host


def test_an_invite_makes_a_node_a_member_and_is_shown_only_until_it_is_taken(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            shown = await home.until(lambda pool: pool.link == "connected" and pool.name != "")

            assert (shown.name, shown.account) == ("Club", "ada")
            assert home.host.greeted[0].invite
            home.host.cut()
            await home.host.until(lambda: len(home.host.greeted) == 2)
            assert not home.host.greeted[1].invite

    run(act())


def test_a_node_tells_the_host_what_it_lends_and_whether_it_lends_now(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            registered = await home.host.expect(Register, lambda frame: bool(frame.models))
            assert [model.name for model in registered.models] == ["echo"]
            assert len(registered.models[0].sha256) == 64

            home.lend("stop")
            beat = await home.host.expect(Heartbeat, lambda frame: not frame.is_lending)
            assert beat.reasons

            home.lend("lend")
            await home.host.expect(Heartbeat, lambda frame: frame.is_lending)

    run(act())


def test_a_node_tells_its_region_when_its_owner_named_one_and_again_when_it_changes(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            first = await home.host.expect(Register)
            assert first.region == ""

            home.change(region=" EU ")
            home.lend("stop")

            await home.host.expect(Register, lambda frame: frame.region == "eu")

    run(act())


def test_a_cut_socket_is_opened_again_and_the_session_goes_on(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            for count in (2, 3, 4):
                home.host.cut()
                await home.host.until(functools.partial(home.host.has_greeted, count))
                await home.until(lambda pool: pool.link == "connected")

            sessions = {proved.hello.session for proved in home.host.greeted[1:]}
            assert len(sessions) == 1 and None not in sessions
            home.lend("stop")
            await home.host.expect(Heartbeat, lambda frame: not frame.is_lending)

    run(act())


def test_a_session_goes_on_when_the_list_of_what_can_be_had_is_old_by_then(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            assert home.pool.member is not None
            home.pool.member.market.forget()
            home.host.cut()
            home.pool.member.link.send(GoingAway(reason="sleep"))

            await home.host.expect(GoingAway)

            assert home.host.greeted[-1].hello.session is not None
            assert len(home.host.sessions) == 1

    run(act())


def test_a_frame_that_is_too_large_is_not_sent_and_the_link_stands(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            assert home.pool.member is not None
            link = home.pool.member.link

            assert not link.send(Heartbeat(is_lending=True, reasons=("x" * 70_000,)))
            assert link.send(GoingAway(reason="sleep"))

            await home.host.expect(GoingAway)
            assert home.host.sockets == 1

    run(act())


def test_the_owner_sees_each_connection_to_the_host_among_the_calls(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            (first,) = home.outbound.calls()
            assert (first.purpose, first.status, first.host) == ("pool", 101, "127.0.0.1")

            home.host.cut()
            await home.host.until(lambda: len(home.host.greeted) == 2)
            await home.until(lambda pool: pool.link == "connected")

            assert len(home.outbound.calls()) == 2
            assert home.outbound.totals()[0].received_bytes > 0

    run(act())


def test_a_host_that_forgot_everything_is_told_everything_anew(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await home.host.expect(Register, lambda frame: bool(frame.models))
            home.host.forget()
            home.host.cut()

            again = await home.host.expect(Register, lambda frame: bool(frame.models))

            assert [model.name for model in again.models] == ["echo"]

    run(act())


def test_an_invite_of_a_host_that_says_no_leaves_no_membership(tmp_path: Path) -> None:
    async def act() -> None:
        async with scripted_host(tmp_path) as host, member_home(tmp_path, host) as home:
            host.denial = ("this invite was used", 0.0)

            with pytest.raises(RequestError, match="this invite was used"):
                await home.pool.join(host.invite())

            assert home.pool.member is None
            assert home.node.hub.state.pool is None
            host.denial = None
            await home.pool.join(host.invite())
            await home.until(lambda pool: pool.link == "connected")

    run(act())


def test_a_join_that_is_broken_off_leaves_nothing_that_outlives_the_node(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.05)
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("x" * 2000))
            await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))
            joining = asyncio.create_task(home.pool.join(home.host.invite()))
            while home.pool.member is not None:
                await asyncio.sleep(0)

            joining.cancel()
            await asyncio.wait({joining})

            assert joining.cancelled()

    run(act())


@pytest.mark.parametrize("change", [lambda text: text[:-7], lambda text: text + "AAAA"])
def test_an_invite_that_is_not_whole_is_refused_before_anything_is_called(
    tmp_path: Path, change: object
) -> None:
    async def act() -> None:
        async with scripted_host(tmp_path) as host, member_home(tmp_path, host) as home:
            text = change(host.invite())  # type: ignore[operator]
            with pytest.raises(RequestError):
                await home.pool.join(text)
            assert host.sockets == 0

    run(act())


def test_an_expired_invite_is_refused(tmp_path: Path) -> None:
    async def act() -> None:
        async with scripted_host(tmp_path) as host, member_home(tmp_path, host) as home:
            with pytest.raises(RequestError, match="expired"):
                await home.pool.join(host.invite(seconds=-5))

    run(act())


def test_a_member_of_one_pool_does_not_join_another(tmp_path: Path) -> None:
    async def act() -> None:
        (tmp_path / "other").mkdir()
        async with joined(tmp_path) as home, scripted_host(tmp_path / "other") as other:
            with pytest.raises(RequestError, match="already"):
                await home.pool.join(other.invite())

    run(act())


def test_leaving_says_goodbye_and_a_node_that_left_stays_away(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")

            await home.pool.leave()

            goodbye = await home.host.expect(GoingAway)
            assert goodbye.reason == "leave"
            assert home.node.hub.state.pool is None
            assert home.pool.house.memberships.current is None
            with pytest.raises(RequestError):
                await home.pool.leave()

    run(act())


def test_the_goodbye_is_with_the_system_when_the_link_has_left(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            assert home.pool.member is not None
            link = home.pool.member.link

            await link.leave(GoingAway(reason="stop"), is_for_good=False)

            async with asyncio.timeout(0):
                await link.written()
            await home.host.expect(GoingAway)

    run(act())


def test_a_node_that_stops_says_that_it_goes_away(tmp_path: Path) -> None:
    async def act() -> None:
        (tmp_path / "host").mkdir()
        async with scripted_host(tmp_path / "host") as host:
            async with member_home(tmp_path, host) as home:
                await home.pool.join(host.invite())
                await home.until(lambda pool: pool.link == "connected")
            assert (await host.expect(GoingAway)).reason == "stop"

    run(act())


def test_a_membership_is_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    async def act() -> None:
        (tmp_path / "host").mkdir()
        async with scripted_host(tmp_path / "host") as host:
            async with member_home(tmp_path, host) as home:
                await home.pool.join(host.invite())
                await home.until(lambda pool: pool.link == "connected")
            async with member_home(tmp_path, host) as home:
                shown = await home.until(lambda pool: pool.link == "connected")
                assert shown.account == "ada"
            assert host.greeted[0].device == host.greeted[-1].device

    run(act())


def test_a_host_that_is_gone_is_waited_for_while_the_node_serves_its_owner(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        (tmp_path / "host").mkdir()
        async with scripted_host(tmp_path / "host") as host:
            invite = host.invite()
        async with member_home(tmp_path, host) as home:
            await home.pool.join(invite)

            shown = await home.until(lambda pool: pool.link == "waiting")

            assert shown.trouble and shown.retry_at is not None
            assert await home.node.ask("echo", "hello") == "hello"

    run(act())


def test_what_can_be_had_is_not_told_while_the_host_is_gone(tmp_path: Path) -> None:
    async def act() -> None:
        (tmp_path / "host").mkdir()
        async with contextlib.AsyncExitStack() as stack:
            host = await stack.enter_async_context(scripted_host(tmp_path / "host"))
            async with member_home(tmp_path, host) as home:
                await home.pool.join(host.invite())
                await home.until(lambda pool: pool.link == "connected")

                await stack.aclose()
                await home.until(lambda pool: pool.link == "waiting")

                assert home.pool.member is not None and home.pool.member.link.is_open
                desk = PoolDesk(home.pool)
                with pytest.raises(Busy, match="this node is not connected to Club: "):
                    await desk.market()
                with pytest.raises(Busy, match="this node is not connected to Club: "):
                    await desk.quote("large", prompt=10, answer=10)

    run(act())


def test_a_host_that_asks_to_come_later_is_obeyed(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            home.host.denial = ("too many nodes come back at once", 3600.0)
            home.host.forget()
            sockets = home.host.sockets
            home.host.cut()

            shown = await home.until(lambda pool: pool.link == "waiting" and bool(pool.retry_at))
            shown = await home.until(lambda pool: "at once" in pool.trouble)

            assert shown.retry_at is not None
            assert shown.retry_at >= home.pool.house.now() + 3000
            assert home.host.sockets == sockets + 1

    run(act())


def test_a_pause_is_shown_with_its_next_try_as_long_as_it_lasts_and_is_over_by_itself(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            home.host.denial = ("the account is paused", 0.2)
            home.host.forget()
            sockets = home.host.sockets
            home.host.cut()

            shown = await home.until(lambda pool: pool.trouble == "the account is paused")
            assert shown.link == "waiting" and shown.retry_at is not None
            await home.until(lambda _: home.host.sockets >= sockets + 3)
            (notice,) = home.node.hub.state.notices
            assert "paused" in notice.message and "by itself" in notice.remedy

            home.host.denial = None
            await home.until(lambda pool: pool.link == "connected" and not pool.trouble)
            await home.node.until(lambda state: not state.notices)

    run(act())


def test_a_silent_host_does_not_hold_up_the_node(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            home.host.is_silent = True

            answers = await asyncio.gather(*(home.node.ask("echo", "hi") for _ in range(5)))

            assert answers == ["hi"] * 5

    run(act())


def test_a_node_shows_that_its_host_is_about_to_stop_and_what_is_held_against_it(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            standing = {"balance": Micros(1), "held": Micros(0), "earned_today": Micros(0)}

            await home.host.send(Standing(**standing, strikes={"a word": 2}))
            await home.until(lambda pool: pool.strikes == {"a word": 2})
            await home.host.send(GoingAway(reason="drain", back_after_seconds=20))
            await home.until(lambda pool: pool.is_host_leaving)
            home.host.cut()
            await home.until(lambda pool: not pool.is_host_leaving)

    run(act())
