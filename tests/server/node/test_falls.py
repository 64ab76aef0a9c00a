"""Laws of engines that crash, hang or refuse: whom it reaches, and how the next one starts."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import Busy, EngineFailed
from app.core.base.ids import ModelName
from app.core.state.backoff import Backoff
from app.core.state.engine_life import Failed, Loading, Ready
from app.server.engine_child.engine_process import ChildLimits
from app.server.hardware.engine_program import EngineProgram
from app.server.models.toy import read_toy
from app.server.node.engine import EngineLimits
from app.server.node.planning import identity
from app.wire.engine import Begun, Completed, Delta, Tokenize, Tokens
from tests.server.node.homes import node, request_id, run, saying, text_of, toy

PATIENT = EngineLimits(backoff=Backoff(base_seconds=30.0))
"""A second failure has to be waited out, so that it can be seen."""


def test_an_engine_killed_in_mid_answer_fails_that_answer_and_the_next_works(
    tmp_path: Path,
) -> None:
    toy(tmp_path, "victim", step_seconds=0.005)
    toy(tmp_path, "other", step_seconds=0.005)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            other = group.create_task(n.ask("other", "I go on all the while"))
            with pytest.raises(EngineFailed, match="was killed"):
                async with n.router.lease("victim") as link:
                    async for event in link.stream(saying("x" * 500)):
                        if isinstance(event, Delta):
                            with contextlib.suppress(ProcessLookupError):
                                os.kill(n.pid("victim"), signal.SIGKILL)
            assert n.hub.state.models[ModelName("victim")].tally.failed == 1
            assert await n.ask("victim", "hello again") == "hello again"
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
                await n.ask("toy", "deadly")
            life = await n.until_life(Failed)
            assert isinstance(life, Failed) and life.failures == 2

            with pytest.raises(Busy, match="failed 2 times") as busy:
                await n.ask("toy", "next")
            assert 1 <= busy.value.retry_after_seconds <= 30

    run(test())


def test_an_engine_that_fell_while_it_served_comes_back_by_itself(tmp_path: Path) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            await n.ask("toy", "hello")
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


def test_a_plan_that_works_after_a_crash_is_taken_first_the_next_time(tmp_path: Path) -> None:
    path = toy(tmp_path)
    # A real engine that crashes in its first load, as one does whose memory or driver is bad.
    crash_once = (
        "import os, sys\n"
        f"if not os.path.exists({str(tmp_path / 'crashed')!r}):\n"
        f"    open({str(tmp_path / 'crashed')!r}, 'w').close()\n"
        "    os.abort()\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'app', 'engine'])"
    )
    engine = EngineProgram.of_this()
    program = replace(engine, command=(sys.executable, "-c", crash_once))

    async def test() -> None:
        async with node(tmp_path, program=program) as n:
            assert await n.ask("toy", "hello") == "hello"
            life = n.life()
            assert isinstance(life, Ready) and life.rung == 1
            assert await n.rungs.of(identity(read_toy(path))) == 1

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
                await n.ask("toy", "hello")
                os.kill(n.pid(), signal.SIGABRT)
                await n.until_life(Failed)
                ready = await n.until_life(Ready)
                assert isinstance(ready, Ready) and ready.rung == fall - 1
            assert await n.rungs.of(identity(read_toy(path))) == 1

    run(test())


def test_a_hung_engine_is_replaced(tmp_path: Path) -> None:
    toy(tmp_path, hang_after_tokens=3)
    limits = EngineLimits(child=ChildLimits(working_seconds=0.5))

    async def test() -> None:
        async with node(tmp_path, limits=limits) as n:
            with pytest.raises(EngineFailed, match="hung"):
                await n.ask("toy", "hello")
            assert await n.ask("toy", "a") == "a"

    run(test())


def test_a_refused_load_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    toy(tmp_path, on_load="fail")

    async def test() -> None:
        async with node(tmp_path) as n:
            with pytest.raises(EngineFailed, match="does not want to be loaded") as failed:
                await n.ask("toy", "hello")
            assert failed.value.remedy == "Choose another toy."
            life = n.life()
            assert isinstance(life, Failed) and not life.was_ready

    run(test())
