"""Laws of the supervisor and the router, on real engine children."""

import asyncio
import contextlib
import os
import signal
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from app.core.base.errors import Busy, EngineFailed, ModelFileInvalid, ModelNotFound
from app.core.base.ids import ModelName
from app.core.state.backoff import Backoff
from app.core.state.engine_life import Failed, Loading, Ready, Unloaded, Unloading, life_name
from app.core.state.node_state import NodeState
from app.server.models.toy import read_toy
from app.server.node.engine import EngineLimits
from app.server.node.engine_process import SilenceLimits
from app.server.node.planning import identity
from app.wire.engine import Begun, Completed, Delta, Tokenize, Tokens
from tests.server.node.homes import answer, node, request_id, run, saying, text_of, toy

PATIENT = EngineLimits(backoff=Backoff(base_seconds=30.0))
"""A second failure has to be waited out, so that it can be seen."""


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
            assert len(psutil.Process().children()) == 1
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
                    other = group.create_task(_ask(n, "next", "hello"))
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
            assert await _ask(n, "next", "hello") == "hello"
            # And gets it back when it asks again, for the other has had its turn.
            assert await answer(link, "b") == "b"

    run(test())


async def _ask(n, name: str, text: str) -> str:  # type: ignore[no-untyped-def]  # a Node
    async with n.router.lease(name) as link:
        return await answer(link, text)


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


def test_an_engine_killed_in_mid_answer_fails_that_answer_and_the_next_works(
    tmp_path: Path,
) -> None:
    toy(tmp_path, "victim", step_seconds=0.005)
    toy(tmp_path, "other", step_seconds=0.005)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            other = group.create_task(_ask(n, "other", "I go on all the while"))
            with pytest.raises(EngineFailed, match="was killed"):
                async with n.router.lease("victim") as link:
                    async for event in link.stream(saying("x" * 500)):
                        if isinstance(event, Delta):
                            with contextlib.suppress(ProcessLookupError):
                                os.kill(n.pid("victim"), signal.SIGKILL)
            assert n.hub.state.models[ModelName("victim")].tally.failed == 1
            assert await _ask(n, "victim", "hello again") == "hello again"
            assert n.hub.state.models[ModelName("victim")].restarts == 1
            assert await other == "I go on all the while"

    run(test())


def test_a_request_that_showed_nothing_yet_is_sent_once_more_unnoticed(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.1)
    in_several_steps = replace(saying("ab" + "c" * 2500), max_tokens=2)

    async def test() -> None:
        async with node(tmp_path) as n, n.router.lease("toy") as link:
            kinds = []
            text = ""
            async for event in link.stream(in_several_steps):
                kinds.append(type(event))
                if isinstance(event, Begun):
                    os.kill(n.pid(), signal.SIGKILL)
                if isinstance(event, Delta):
                    text += text_of(event)
            assert text == "ab"
            assert kinds.count(Begun) == 1 and kinds[-1] is Completed
            assert isinstance(await link.ask(Tokenize(request=request_id(), text="a")), Tokens)

    run(test())


def test_a_request_that_kills_every_engine_is_given_up_after_the_second(tmp_path: Path) -> None:
    toy(tmp_path, abort_after_tokens=1)

    async def test() -> None:
        async with node(tmp_path, limits=PATIENT) as n:
            with pytest.raises(EngineFailed, match="crashed in native code"):
                await _ask(n, "toy", "deadly")
            life = await n.until_life(Failed)
            assert isinstance(life, Failed) and life.failures == 2

            with pytest.raises(Busy, match="failed 2 times") as busy:
                await _ask(n, "toy", "next")
            assert 1 <= busy.value.retry_after_seconds <= 30

    run(test())


def test_an_engine_that_fell_while_it_served_comes_back_by_itself(tmp_path: Path) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            await _ask(n, "toy", "hello")
            os.kill(n.pid(), signal.SIGKILL)
            await n.until_life(Failed)
            await n.until_life(Ready)
            assert n.hub.state.models[ModelName("toy")].restarts == 1

    run(test())


def test_a_crash_while_loading_takes_the_ladder_down_and_is_remembered(tmp_path: Path) -> None:
    path = toy(tmp_path, on_load="abort")

    async def test() -> None:
        async with node(tmp_path, limits=PATIENT) as n:
            rungs: list[int] = []

            def note(life: object) -> None:
                if isinstance(life, Loading):
                    rungs.append(life.rung)

            with pytest.raises(EngineFailed, match="could not be loaded"):
                async with n.router.lease("toy", on_wait=note):
                    raise AssertionError("it cannot be loaded")
            assert sorted(set(rungs))[:2] == [0, 1]
            assert await n.rungs.of(identity(read_toy(path))) == 0

    run(test())


def test_a_remembered_rung_is_taken_at_once_and_shown(tmp_path: Path) -> None:
    path = toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            await n.rungs.remember(identity(read_toy(path)), 1, at=0.0)
            async with n.router.lease("toy") as link:
                assert link.facts.plan.use_extra_buffers is False
            life = n.life()
            assert isinstance(life, Ready) and life.rung == 1
            assert any("crashed" in sentence for sentence in life.facts.explanation)

    run(test())


def test_an_engine_that_falls_twice_while_serving_comes_back_by_a_safer_plan(
    tmp_path: Path,
) -> None:
    path = toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            for fall in (1, 2):
                await _ask(n, "toy", "hello")
                os.kill(n.pid(), signal.SIGABRT)
                await n.until_life(Failed)
                ready = await n.until_life(Ready)
                assert isinstance(ready, Ready) and ready.rung == fall - 1
            assert await n.rungs.of(identity(read_toy(path))) == 1

    run(test())


def test_a_hung_engine_is_replaced(tmp_path: Path) -> None:
    toy(tmp_path, hang_after_tokens=3)
    limits = EngineLimits(silence=SilenceLimits(working_seconds=0.5))

    async def test() -> None:
        async with node(tmp_path, limits=limits) as n:
            with pytest.raises(EngineFailed, match="hung"):
                await _ask(n, "toy", "hello")
            assert await _ask(n, "toy", "a") == "a"

    run(test())


def test_a_refused_load_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    toy(tmp_path, on_load="fail")

    async def test() -> None:
        async with node(tmp_path) as n:
            with pytest.raises(EngineFailed, match="does not want to be loaded") as failed:
                await _ask(n, "toy", "hello")
            assert failed.value.remedy == "Choose another toy."
            life = n.life()
            assert isinstance(life, Failed) and not life.was_ready

    run(test())


def test_a_client_that_leaves_while_its_model_loads_does_not_stop_the_load(
    tmp_path: Path,
) -> None:
    toy(tmp_path, load_seconds=0.3)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            first = group.create_task(_ask(n, "toy", "hello"))
            await n.until_life(Loading)
            second = group.create_task(_ask(n, "toy", "hello"))
            await n.until(lambda state: len(state.requests) == 2)
            first.cancel()
            assert await second == "hello"
            assert n.hub.state.models[ModelName("toy")].tally.cancelled == 1

    run(test())


def test_unloading_lets_the_answer_finish_and_frees_the_memory(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.01)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(_ask(n, "toy", "a whole answer"))
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
            asked = group.create_task(_ask(n, "toy", "a whole answer"))
            await n.until(
                lambda state: any(r.phase == "answering" for r in state.requests.values())
            )
            group.create_task(n.router.unload("toy"))
            await n.until_life(Unloading)
            assert await _ask(n, "toy", "new") == "new"
            assert await asked == "a whole answer"

    run(test())


def test_a_load_can_be_given_up(tmp_path: Path) -> None:
    toy(tmp_path, load_seconds=30)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(_outcome(n))
            await n.until(
                lambda state: getattr(state.models[ModelName("toy")].life, "stage", "") == "weights"
            )
            assert await n.router.unload("toy") is True
            assert "given up" in await asked
            assert n.life() == Unloaded()
            assert psutil.Process().children() == []

    run(test())


async def _outcome(n) -> str:  # type: ignore[no-untyped-def]  # a Node
    try:
        return await _ask(n, "toy", "hello")
    except Busy as busy:
        return busy.message


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


def test_past_the_most_requests_the_node_says_busy_and_serves_those_it_took(
    tmp_path: Path,
) -> None:
    toy(tmp_path, step_seconds=0.001)

    async def test() -> None:
        async with node(tmp_path, requests_max=32) as n:

            async def ask(number: int) -> str:
                try:
                    return await _ask(n, "toy", f"number {number}")
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
            asked = group.create_task(_ask(n, "toy", "a whole answer"))
            await n.until(lambda state: bool(state.requests))
            await n.until_life(Ready)
            stopping = group.create_task(n.router.stop(30.0))
            await n.until(lambda state: state.server.is_stopping)
            with pytest.raises(Busy, match="stopping"):
                await _ask(n, "toy", "too late")
            await stopping
            assert await asked == "a whole answer"
            assert psutil.Process().children() == []

    run(test())


def test_stopping_fails_what_does_not_finish_and_leaves_no_engine(tmp_path: Path) -> None:
    toy(tmp_path, "slow", step_seconds=0.05)
    toy(tmp_path, "idle")
    toy(tmp_path, "loading", load_seconds=30)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            await _ask(n, "idle", "hello")
            slow = group.create_task(_failure(n, "slow"))
            await n.until_life(Ready, "slow")
            loading = group.create_task(_failure(n, "loading"))
            await n.until_life(Loading, "loading")
            async with asyncio.timeout(10):
                await n.router.stop(0.3)
            assert "the server is stopping" in await slow
            assert "the server is stopping" in await loading
            assert psutil.Process().children() == []

    run(test())


async def _failure(n, name: str) -> str:  # type: ignore[no-untyped-def]  # a Node
    try:
        await _ask(n, name, "x" * 1000)
    except (Busy, EngineFailed) as error:
        return error.message
    return ""


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
            await _ask(n, "one", "hello")
            assert n.router.find("") == "one"
        (tmp_path / "one.toy").unlink()
        async with node(tmp_path) as n:
            assert n.router.find("default") == "two"

    run(test())


def test_the_list_answers_at_once_while_a_model_loads(tmp_path: Path) -> None:
    toy(tmp_path, load_seconds=0.5)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            asked = group.create_task(_ask(n, "toy", "hello"))
            await n.until_life(Loading)
            before = asyncio.get_running_loop().time()
            (model,) = n.router.models()
            assert asyncio.get_running_loop().time() - before < 0.1
            assert isinstance(model.life, Loading)
            assert await asked == "hello"

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
                await _ask(n, "toy", "CANARY-7f3a")
                n.hub.close()
                await looker
            assert len(seen) > 5
            assert not any("CANARY" in str(state) for state in seen)

    run(test())
