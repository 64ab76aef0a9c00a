"""Laws of the router: names, admission, leases, and the end of the server."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from app.core.base.errors import Busy, EngineFailed, ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.core.state.engine_life import Loading, Ready, Unloaded
from app.core.state.node_state import NodeState
from app.wire.engine import Delta
from tests.server.node.homes import answer, engines_running, node, run, saying, toy


def test_a_request_loads_its_model_and_the_state_shows_it_all(tmp_path: Path) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            assert n.life() == Unloaded()
            async with n.router.lease("toy") as link:
                assert await answer(link, "hello") == "hello"
                assert link.facts.architecture == "toy"
                (request,) = n.hub.state.requests.values()
                assert request.phase == "answering" and request.prompt_tokens > 5
            life = n.life()
            assert isinstance(life, Ready)
            assert (life.leases, life.facts.pid) == (0, n.pid())
            assert n.hub.state.requests == {}
            (model,) = n.router.models()
            assert model.tally.completed == 1 and model.tally.completion_tokens == 5

    run(test())


def test_past_the_most_requests_the_node_says_busy_and_serves_those_it_took(
    tmp_path: Path,
) -> None:
    toy(tmp_path, step_seconds=0.001)

    async def test() -> None:
        async with node(tmp_path, requests_max=32) as n:

            async def ask(number: int) -> str:
                try:
                    return await n.ask("toy", f"number {number}")
                except Busy as busy:
                    assert busy.retry_after_seconds >= 1
                    return "busy"

            answers = await asyncio.gather(*(ask(number) for number in range(200)))

            served = [a for a in answers if a != "busy"]
            assert len(served) == 32
            assert all(a == f"number {i}" for i, a in enumerate(answers) if a != "busy")
            assert n.hub.state.requests == {}

    run(test())


def test_closing_the_lease_cancels_what_is_open(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.01)

    async def test() -> None:
        async with node(tmp_path) as n:
            async with n.router.lease("toy") as link:
                stream = link.stream(saying("x" * 2000))
                async for event in stream:
                    if isinstance(event, Delta):
                        break
            process = n.engines.engine(ModelName("toy")).process
            assert process is not None and process.requests == 0
            with pytest.raises(EngineFailed, match="cancelled"):
                async for _ in stream:
                    pass

    run(test())


def test_stopping_lets_answers_finish_within_the_grace(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.005)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(n.ask("toy", "a whole answer"))
            await n.until(lambda state: bool(state.requests))
            await n.until_life(Ready)
            stopping = group.create_task(n.router.stop(30.0))
            await n.until(lambda state: state.server.is_stopping)
            with pytest.raises(Busy, match="stopping"):
                await n.ask("toy", "too late")
            await stopping
            assert await asked == "a whole answer"
            assert engines_running() == []

    run(test())


def test_stopping_fails_what_does_not_finish_and_leaves_no_engine(tmp_path: Path) -> None:
    toy(tmp_path, "slow", step_seconds=0.05)
    toy(tmp_path, "idle")
    toy(tmp_path, "loading", load_seconds=30)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            await n.ask("idle", "hello")
            slow = group.create_task(n.refusal("slow"))
            await n.until_life(Ready, "slow")
            loading = group.create_task(n.refusal("loading"))
            await n.until_life(Loading, "loading")
            async with asyncio.timeout(10):
                await n.router.stop(0.3)
            assert "the server is stopping" in await slow
            assert "the server is stopping" in await loading
            assert engines_running() == []

    run(test())


def test_a_model_is_found_by_any_spelling_and_unknown_ones_get_the_nearest(
    tmp_path: Path,
) -> None:
    toy(tmp_path, "Tiny-Toy")
    (tmp_path / "broken.toy").write_text("no json")

    async def test() -> None:
        async with node(tmp_path) as n:
            (name, *_) = [m.name for m in n.router.models() if "tiny" in m.name.lower()]
            assert n.router.find("TINY-toy") == name
            assert n.router.find(str(tmp_path / "Tiny-Toy.toy")) == name
            with pytest.raises(ModelNotFound) as unknown:
                n.router.find("tiny-tox")
            assert name in unknown.value.nearest
            with pytest.raises((ModelFileInvalid, ModelNotFound)):
                async with n.router.lease("broken"):
                    raise AssertionError("it is no toy")

    run(test())


def test_a_request_without_a_model_goes_to_the_default_or_the_one_in_use(tmp_path: Path) -> None:
    toy(tmp_path, "one")
    toy(tmp_path, "two")

    async def test() -> None:
        async with node(tmp_path, default="two") as n:
            assert n.router.find("") == n.router.find("default") == "two"
        async with node(tmp_path) as n:
            with pytest.raises(ModelNotFound):
                n.router.find("")
            await n.ask("one", "hello")
            assert n.router.find("") == "one"
        (tmp_path / "one.toy").unlink()
        async with node(tmp_path) as n:
            assert n.router.find("default") == "two"

    run(test())


def test_the_list_answers_at_once_while_a_model_loads(tmp_path: Path) -> None:
    toy(tmp_path, load_seconds=0.5)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(n.ask("toy", "hello"))
            await n.until_life(Loading)
            before = asyncio.get_running_loop().time()
            (model,) = n.router.models()
            assert asyncio.get_running_loop().time() - before < 0.1
            assert isinstance(model.life, Loading)
            assert await asked == "hello"

    run(test())


def test_the_list_is_in_the_order_of_names_and_of_the_numbers_in_them(tmp_path: Path) -> None:
    for name in ("m10", "m2", "m1", "m100"):
        toy(tmp_path, name)

    async def test() -> None:
        async with node(tmp_path) as n:
            assert [model.name for model in n.router.models()] == ["m1", "m2", "m10", "m100"]

    run(test())


def test_no_word_of_a_request_is_in_the_state(tmp_path: Path) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            seen: list[NodeState] = []
            async with asyncio.TaskGroup() as group:
                watch = n.hub.watch()

                async def look() -> None:
                    async with aclosing(watch):
                        seen.extend([happened.state async for happened in watch])

                looker = group.create_task(look())
                await n.ask("toy", "CANARY-7f3a")
                n.hub.close()
                await looker
            assert len(seen) > 5
            assert not any("CANARY" in str(state) for state in seen)

    run(test())
