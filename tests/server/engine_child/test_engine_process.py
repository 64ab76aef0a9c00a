"""Laws of one engine child: handshake, requests, cancel, silence, crash, end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from app.core.base.errors import LOAD_LARGER, Busy, ContextExceeded, EngineFailed
from app.core.models.plan import LoadPlan
from app.server.engine_child.engine_process import (
    ChildLimits,
    EngineGone,
    EngineProcess,
    LoadFailed,
    News,
)
from app.server.engine_child.exit_words import Ending
from app.server.hardware.engine_program import EngineProgram
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Gauges,
    Loading,
    Start,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.model import ModelSource
from tests.server.node.homes import request_id, run, saying, text_of, toy

PLAN = LoadPlan(context=4096, cells=16_384, slots=20, sequences=8, speculation=False)


class Child:
    """A child with what it told."""

    def __init__(self, process: EngineProcess, life: "asyncio.Task[Ending]") -> None:
        self.process = process
        self.life = life
        self.news: list[News] = []


@asynccontextmanager
async def child(
    path: Path,
    *,
    plan: LoadPlan = PLAN,
    limits: ChildLimits | None = None,
    command: tuple[str, ...] | None = None,
) -> AsyncIterator[Child]:
    """A child that was started; gone afterwards."""
    program = EngineProgram.of_this()
    if command is not None:
        program = EngineProgram(command=command, environment=dict(os.environ), folder="/")
    news: list[News] = []
    process = EngineProcess(
        program,
        Start(source=ModelSource(path=str(path), name="toy", backend="toy"), plan=plan),
        on_news=news.append,
        limits=limits or ChildLimits(),
    )
    async with asyncio.TaskGroup() as group:
        started = Child(process, group.create_task(process.run()))
        started.news = news
        try:
            yield started
        finally:
            process.kill()
    assert process.pid == 0 or not psutil.pid_exists(process.pid)


def test_a_child_tells_its_load_and_answers_and_ends_when_drained(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path)) as c:
            facts = await c.process.ready()
            events = [event async for event in c.process.stream(saying("hello"))]
            c.process.drain()
            ending = await c.life

        assert facts.plan == PLAN
        assert any(isinstance(each, Loading) for each in c.news)
        assert any(isinstance(each, Gauges) for each in c.news)
        assert isinstance(events[0], Begun) and isinstance(events[-1], Completed)
        assert "".join(text_of(event) for event in events if isinstance(event, Delta)) == "hello"
        assert ending == Ending(reason="was unloaded")
        assert c.process.ending == ending

    run(test())


def test_a_question_has_one_answer(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path)) as c:
            await c.process.ready()
            answer = await c.process.ask(Tokenize(request=request_id(), text="abc"))
            assert isinstance(answer, Tokens) and answer.tokens == [97, 98, 99]
            assert not isinstance(answer, Text)

    run(test())


def test_a_refusal_is_the_error_that_it_names(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path)) as c:
            await c.process.ready()
            with pytest.raises(ContextExceeded) as refused:
                async for _ in c.process.stream(saying("x" * 5000)):
                    pass
            assert refused.value.context == 4096 and refused.value.prompt_tokens > 5000
            assert refused.value.remedy == LOAD_LARGER
            assert c.process.requests == 0

    run(test())


def test_a_child_that_is_killed_fails_its_requests_after_what_it_said(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, step_seconds=0.01)) as c:
            await c.process.ready()
            stream = c.process.stream(saying("x" * 2000))
            said = ""
            with pytest.raises(EngineGone, match="was killed") as gone:
                async for event in stream:
                    said += text_of(event) if isinstance(event, Delta) else ""
                    if len(said) == 3:
                        os.kill(c.process.pid, signal.SIGKILL)
            assert said.startswith("xxx")
            assert "memory" in gone.value.remedy
            assert (await c.life).suspicion == "memory"
            with pytest.raises(EngineGone):
                await c.process.ask(Tokenize(request=request_id(), text="abc"))

    run(test())


def test_a_child_that_aborts_while_loading_says_so_in_words(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, on_load="abort")) as c:
            with pytest.raises(LoadFailed, match="crashed in native code") as failed:
                await c.process.ready()
            assert not failed.value.is_refusal
            assert (await c.life).suspicion == "crash"

    run(test())


def test_a_child_that_refuses_to_load_gives_its_reason(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, on_load="fail")) as c:
            with pytest.raises(LoadFailed, match="does not want") as failed:
                await c.process.ready()
            assert failed.value.is_refusal
            assert failed.value.ending.remedy == "Choose another toy."

    run(test())


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({"on_load": "hang"}, ChildLimits(loading_seconds=0.6)),
        ({"hang_after_tokens": 3}, ChildLimits(working_seconds=0.3)),
    ],
)
def test_a_child_that_hangs_is_killed_within_its_limit(
    tmp_path: Path, options: dict[str, object], limits: ChildLimits
) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, **options), limits=limits) as c:
            with pytest.raises((EngineGone, LoadFailed), match="hung"):
                await c.process.ready()
                # Questions are answered beside the loop: they are no sign of its life.
                async for _ in c.process.stream(saying("hello")):
                    await c.process.ask(Tokenize(request=request_id(), text="abc"))
            assert "hung" in (await c.life).reason

    run(test())


def test_a_child_that_owes_nothing_may_be_silent(tmp_path: Path) -> None:
    async def test() -> None:
        limits = ChildLimits(working_seconds=0.05)
        async with child(toy(tmp_path), limits=limits) as c:
            await c.process.ready()
            ended, _ = await asyncio.wait({c.life}, timeout=0.3)
            assert not ended

    run(test())


def test_closing_a_stream_frees_the_engine_at_its_next_step(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, step_seconds=0.01)) as c:
            await c.process.ready()
            async with aclosing(c.process.stream(saying("x" * 3000))) as stream:
                async for event in stream:
                    if isinstance(event, Delta):
                        break
            assert c.process.requests == 0
            c.process.drain()
            ending = await c.life

        assert ending.reason == "was unloaded"
        last = [each for each in c.news if isinstance(each, Gauges)][-1]
        assert (last.running, last.cells_used) == (0, 0)
        assert last.completion_tokens < 3000

    run(test())


def test_a_reader_that_is_too_slow_is_cut_off_and_nobody_else(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path), limits=ChildLimits(unread_max=100)) as c:
            await c.process.ready()
            slow = c.process.stream(saying("x" * 1500))
            await anext(slow)
            while c.process.requests:
                # Another request is answered all the while.
                events = [event async for event in c.process.stream(saying("hello"))]
                assert isinstance(events[-1], Completed)
            with pytest.raises(Busy, match="not read in time"):
                async for _ in slow:
                    pass

    run(test())


def test_a_drained_child_finishes_its_answer_and_takes_no_more(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, step_seconds=0.005)) as c:
            await c.process.ready()
            said = ""
            async for event in c.process.stream(saying("a long answer")):
                if isinstance(event, Delta) and not said:
                    c.process.drain()
                    with pytest.raises(EngineGone, match="takes no more"):
                        await c.process.ask(Tokenize(request=request_id(), text="abc"))
                said += text_of(event) if isinstance(event, Delta) else ""
            assert said == "a long answer"
            assert (await c.life).reason == "was unloaded"

    run(test())


def test_a_child_that_is_not_wanted_any_more_while_it_loads_is_no_crash_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, on_load="hang")) as c:
            c.process.drain()
            assert (await c.life).reason == "was not wanted any more"

    run(test())
    assert caplog.records == []


def test_a_program_that_speaks_another_protocol_is_ended(tmp_path: Path) -> None:
    async def test() -> None:
        command = (sys.executable, "-c", "print('hello, I am no engine', flush=True); input()")
        async with child(tmp_path, command=command) as c:
            with pytest.raises(LoadFailed, match="another protocol"):
                await c.process.ready()

    run(test())


def test_a_program_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(tmp_path, command=(str(tmp_path / "nothing"),)) as c:
            with pytest.raises(LoadFailed, match="could not be started"):
                await c.process.ready()

    run(test())


def test_what_a_child_starts_ends_with_it(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "print('no frame', flush=True)\n"
        "input()"
    )

    async def test() -> None:
        async with child(tmp_path, command=(sys.executable, "-c", script)) as c:
            with pytest.raises(LoadFailed):
                await c.process.ready()
            await c.life

    run(test())
    grandchild = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(grandchild) or (
        psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
    )


def test_a_child_that_is_killed_before_it_was_started_never_serves(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path)) as c:
            c.process.kill()
            with pytest.raises(LoadFailed):
                await c.process.ready()
            await c.life

    run(test())


def test_cancelling_the_life_of_a_child_ends_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with child(toy(tmp_path, step_seconds=0.01)) as c:
            await c.process.ready()
            stream = c.process.stream(saying("x" * 2000))
            await anext(stream)
            c.life.cancel()
            with pytest.raises(EngineFailed):
                async for _ in stream:
                    pass

    run(test())
