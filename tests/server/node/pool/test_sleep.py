"""Laws of a member whose computer sleeps: the host knows before, and hears of it again after."""

from pathlib import Path

from app.wire.pool import Chunk, Finished, GoingAway, Heartbeat, Register, Rejected
from tests.server.node.homes import run, toy
from tests.server.node.pool.members import joined
from tests.server.node.pool.offers import body_of, lent, offer_job


def test_before_it_sleeps_a_node_hands_its_jobs_over_and_then_says_that_it_goes(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.05)
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("x" * 2000))
            await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))

            await home.pool.rest()

            finished = await home.host.expect(Finished)
            away = await home.host.expect(GoingAway)
            assert finished.reason == "preempted"
            assert away.reason == "sleep"
            await offer_job(home, body_of("more"), "later")
            assert (await home.host.expect(Rejected)).code == "not_lending"

    run(act())


def test_after_a_sleep_a_node_comes_by_a_new_socket_and_offers_all_anew(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            await home.pool.rest()
            await home.host.expect(GoingAway)

            await home.pool.wake()

            await home.host.until(lambda: home.host.has_greeted(2))
            registered = await home.host.expect(Register, lambda frame: bool(frame.models))
            assert [model.name for model in registered.models] == ["echo"]
            await home.host.expect(Heartbeat, lambda frame: frame.is_lending)
            await offer_job(home, body_of("hello"), "later")
            assert (await home.host.expect(Finished)).reason == "completed"

    run(act())


def test_a_host_that_forgot_the_sleeper_is_told_all_by_a_new_session(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            await home.pool.rest()
            await home.host.expect(GoingAway)
            home.host.forget()

            await home.pool.wake()

            await home.host.until(lambda: home.host.has_greeted(2))
            await home.host.expect(Register, lambda frame: bool(frame.models))
            await home.host.expect(Heartbeat, lambda frame: frame.is_lending)

    run(act())


def test_to_sleep_without_a_host_in_reach_waits_for_nothing(tmp_path: Path) -> None:
    async def act() -> None:
        async with joined(tmp_path) as home:
            await home.until(lambda pool: pool.link == "connected")
            home.host.is_silent = True
            home.host.cut()
            await home.until(lambda pool: pool.link != "connected")

            await home.pool.rest()

    run(act())
