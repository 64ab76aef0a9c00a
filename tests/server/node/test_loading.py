"""Laws of loading: just in time, once for all who wait, and room made in a fair order."""

import asyncio
from pathlib import Path

import psutil
from msgspec.structs import replace

from app.core.base.ids import ModelName
from app.core.state.engine_life import Loading, Ready, Unloaded, Unloading, life_name
from app.server.node.engine import EngineLimits
from tests.server.node.homes import answer, engines_running, node, run, toy


def test_twenty_who_ask_at_once_wait_for_one_load(tmp_path: Path) -> None:
    toy(tmp_path, load_seconds=0.2)

    async def test() -> None:
        async with node(tmp_path) as n:
            waits: list[str] = []

            async def ask(number: int) -> str:
                async with n.router.lease(
                    "toy", on_wait=lambda life: waits.append(life_name(life))
                ) as link:
                    return await answer(link, f"number {number}")

            answers = await asyncio.gather(*(ask(number) for number in range(20)))

            assert answers == [f"number {number}" for number in range(20)]
            assert n.hub.state.models[ModelName("toy")].restarts == 0
            assert len(engines_running()) == 1
            assert waits.count("ready") >= 20 and "loading" in waits

    run(test())


def test_two_models_answer_side_by_side(tmp_path: Path) -> None:
    toy(tmp_path, "one", step_seconds=0.002)
    toy(tmp_path, "two", step_seconds=0.002)

    async def test() -> None:
        async with node(tmp_path) as n:

            async def ask(name: str) -> str:
                async with n.router.lease(name) as link:
                    return await answer(link, f"I am {name}")

            assert await asyncio.gather(ask("one"), ask("two")) == ["I am one", "I am two"]
            assert {m.name for m in n.hub.state.engines()} == {"one", "two"}

    run(test())


def test_the_least_recently_used_model_makes_room(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        toy(tmp_path, name)

    async def test() -> None:
        async with node(tmp_path, limits=EngineLimits(loaded_max=2)) as n:
            for name in ("one", "two", "one", "three"):
                async with n.router.lease(name) as link:
                    await answer(link, "hello")

            loaded = {model.name for model in n.hub.state.engines()}
            assert loaded == {"one", "three"}

    run(test())


def test_a_busy_model_is_waited_for_and_then_makes_room(tmp_path: Path) -> None:
    toy(tmp_path, "busy", step_seconds=0.01)
    toy(tmp_path, "next")

    async def test() -> None:
        async with node(tmp_path, limits=EngineLimits(loaded_max=1)) as n:
            async with asyncio.TaskGroup() as group:
                async with n.router.lease("busy") as link:
                    other = group.create_task(n.ask("next", "hello"))
                    assert await answer(link, "busy for a while") == "busy for a while"
                    assert not other.done()
                assert await other == "hello"
            assert n.life("busy") == Unloaded()

    run(test())


def test_a_model_that_never_rests_is_drained_when_patience_ends(tmp_path: Path) -> None:
    toy(tmp_path, "busy", step_seconds=0.01)
    toy(tmp_path, "next")

    async def test() -> None:
        limits = EngineLimits(loaded_max=1, patience=0.2)
        async with node(tmp_path, limits=limits) as n, n.router.lease("busy") as link:
            # The lease holds the engine although it asks nothing of it.
            assert await answer(link, "a") == "a"
            assert await n.ask("next", "hello") == "hello"
            # And gets it back when it asks again, for the other has had its turn.
            assert await answer(link, "b") == "b"

    run(test())


def test_an_unused_model_is_unloaded_when_its_keep_alive_ends(tmp_path: Path) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            async with n.router.lease("toy", keep_alive=0.05) as link:
                await answer(link, "hello")
                pid = n.pid()
            await n.until_life(Unloaded)
            assert not psutil.pid_exists(pid)

            async with n.router.lease("toy") as link:
                await answer(link, "hello")
            life = n.life()
            assert isinstance(life, Ready) and life.keep_alive == EngineLimits().keep_alive

    run(test())


def test_a_model_is_not_unloaded_under_a_lease_that_lasts(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.01)

    async def test() -> None:
        async with node(tmp_path, limits=EngineLimits(keep_alive=0.0)) as n:
            async with n.router.lease("toy") as link:
                assert await answer(link, "this takes a while") == "this takes a while"
                assert isinstance(n.life(), Ready)
            await n.until_life(Unloaded)

    run(test())


def test_a_client_that_leaves_while_its_model_loads_does_not_stop_the_load(
    tmp_path: Path,
) -> None:
    toy(tmp_path, load_seconds=0.3)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            first = group.create_task(n.ask("toy", "hello"))
            await n.until_life(Loading)
            second = group.create_task(n.ask("toy", "hello"))
            await n.until(lambda state: len(state.requests) == 2)
            first.cancel()
            assert await second == "hello"
            assert n.hub.state.models[ModelName("toy")].tally.cancelled == 1

    run(test())


def test_unloading_lets_the_answer_finish_and_frees_the_memory(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.01)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(n.ask("toy", "a whole answer"))
            await n.until(
                lambda state: any(r.phase == "answering" for r in state.requests.values())
            )
            pid = n.pid()
            unloading = group.create_task(n.router.unload("toy"))
            await n.until_life(Unloading)
            assert await unloading is True
            assert await asked == "a whole answer"
            assert not psutil.pid_exists(pid)
            assert await n.router.unload("toy") is False

    run(test())


def test_a_request_during_an_unload_waits_and_gets_a_new_engine(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.01)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(n.ask("toy", "a whole answer"))
            await n.until(
                lambda state: any(r.phase == "answering" for r in state.requests.values())
            )
            group.create_task(n.router.unload("toy"))
            await n.until_life(Unloading)
            assert await n.ask("toy", "new") == "new"
            assert await asked == "a whole answer"

    run(test())


def test_a_load_can_be_given_up(tmp_path: Path) -> None:
    toy(tmp_path, load_seconds=30)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(n.refusal("toy"))
            await n.until(
                lambda state: getattr(state.models[ModelName("toy")].life, "stage", "") == "weights"
            )
            assert await n.router.unload("toy") is True
            assert "given up" in await asked
            assert n.life() == Unloaded()
            assert engines_running() == []

    run(test())


def test_loading_by_other_wishes_replaces_the_engine_and_by_the_same_does_not(
    tmp_path: Path,
) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            small = replace(n.router.wishes, context=512)
            assert await n.router.load("toy", small, keep_alive=-1) == "toy"
            pid = n.pid()
            life = n.life()
            assert isinstance(life, Ready)
            assert (life.facts.context, life.keep_alive, life.leases) == (512, -1, 0)

            await n.router.load("toy", small)
            await n.router.load("toy")
            assert n.pid() == pid

            await n.router.load("toy", n.router.wishes)
            assert n.pid() != pid
            life = n.life()
            assert isinstance(life, Ready) and life.facts.context != 512

    run(test())
