"""A host counts by vocabularies of its own, and nothing that strangers send can stop it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from app.core.base.errors import Busy, EngineFailed, ModelNotFound, TemplateFailed
from app.core.base.ids import JobId, RequestId
from app.core.pool.jobs.effects import MeasureAttempt
from app.core.pool.jobs.job import Counted
from app.core.state.backoff import Backoff
from app.server.host.counting import Counter
from app.server.host.vocabulary import CountingLimits
from app.server.models.heads import make_head
from app.wire.engine import (
    Detokenize,
    Embed,
    Generate,
    Measure,
    PromptChat,
    PromptText,
    Said,
    Text,
    Tokenize,
    Tokens,
)
from tests.gguf_made import GgufStore, LlamaOptions
from tests.server.node.homes import run

WAIT_SECONDS = 60.0
TOY = "a" * 64
OTHER = "b" * 64

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")


@pytest.fixture
def toys(tmp_path: Path) -> dict[str, Path]:
    paths = {TOY: tmp_path / "a.toy", OTHER: tmp_path / "b.toy"}
    for path in paths.values():
        path.write_text("{}")
    return paths


@asynccontextmanager
async def counting(
    heads: Mapping[str, Path], limits: CountingLimits | None = None
) -> AsyncIterator[Counter]:
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as group:
        counter = Counter(find=heads.get, group=group, limits=limits)
        yield counter
        counter.close()


def attempt(said: str = "abc") -> Measure:
    work = Generate(request=RequestId("same"), prompt=PromptText(text="four"))
    return Measure(
        request=RequestId("same"), work=work, tokens=list(said.encode()), parts=[Said(text=said)]
    )


def effect(measure: Measure, sha256: str = TOY) -> MeasureAttempt:
    return MeasureAttempt(job=JobId("j"), attempt=0, sha256=sha256, measure=measure)


async def stopped_by_signal(pid: int) -> None:
    """The child computes nothing more. The signal alone takes effect at some later moment."""
    os.kill(pid, signal.SIGSTOP)
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        await asyncio.sleep(0)


async def gone(pid: int) -> None:
    """Until the child has ended."""
    try:
        await asyncio.to_thread(psutil.Process(pid).wait, WAIT_SECONDS)
    except psutil.NoSuchProcess:
        return


def test_an_attempt_is_counted_by_the_vocabulary_of_its_model(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys) as counter:
            honest = await counter.measure(effect(attempt()))
            wrong = await counter.measure(
                effect(Measure(request=RequestId("w"), work=attempt().work, tokens=[97], parts=[]))
            )
        assert honest == Counted(prompt_tokens=4, answer_tokens=3)
        assert wrong is not None
        assert wrong.differs == "parts"

    run(scene())


def test_many_attempts_of_the_same_name_are_counted_one_after_the_other(
    toys: dict[str, Path],
) -> None:
    async def scene() -> None:
        async with counting(toys) as counter:
            texts = ["a" * n for n in range(1, 12)]
            found = await asyncio.gather(*(counter.measured(TOY, attempt(text)) for text in texts))
            assert len(counter.running[TOY]) == 1
        assert [one.answer_tokens for one in found] == list(range(1, 12))

    run(scene())


def test_where_many_wait_a_second_child_helps(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys, CountingLimits(lane_questions=3, lanes_max=2)) as counter:
            found = await asyncio.gather(*(counter.measured(TOY, attempt()) for _ in range(12)))
            assert len(counter.running[TOY]) == 2
        assert all(one.agrees for one in found)

    run(scene())


def test_a_prompt_is_counted_before_there_is_an_answer(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys) as counter:
            chat = PromptChat(messages=[{"role": "user", "content": "hi"}])
            prompt = await counter.prompt_tokens(
                TOY, Generate(request=RequestId("p"), prompt=chat, answered=[1, 2])
            )
            inputs = await counter.prompt_tokens(
                TOY, Embed(request=RequestId("e"), inputs=["ab", [1]])
            )
        assert prompt > len("<user>hi</user>")
        assert inputs == 3

    run(scene())


def test_a_vocabulary_answers_who_asks_for_tokens_and_texts(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys) as counter:
            name = RequestId("mine")
            tokens = await counter.ask(TOY, Tokenize(request=name, text="ab"))
            text = await counter.ask(TOY, Detokenize(request=name, tokens=[97, 98]))
        assert tokens == Tokens(request=name, tokens=[97, 98])
        assert text == Text(request=name, text="ab")

    run(scene())


def test_a_model_without_a_head_is_not_counted(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys) as counter:
            with pytest.raises(ModelNotFound):
                await counter.measured("c" * 64, attempt())
            assert await counter.measure(effect(attempt(), "c" * 64)) is None

    run(scene())


@needs_signals
def test_a_child_that_stands_still_is_replaced_and_its_attempt_refused(
    toys: dict[str, Path],
) -> None:
    async def scene() -> None:
        limits = CountingLimits(measure_seconds=2.0)
        async with counting(toys, limits) as counter:
            await counter.measured(TOY, attempt())
            (stopped,) = counter.running[TOY]
            await stopped_by_signal(stopped)

            guilty = asyncio.create_task(counter.measured(TOY, attempt("guilty")))
            others = [asyncio.create_task(counter.measured(TOY, attempt())) for _ in range(3)]

            with pytest.raises(EngineFailed, match="did not count"):
                await guilty
            await gone(stopped)
            assert [one.answer_tokens for one in await asyncio.gather(*others)] == [3, 3, 3]
            assert counter.running[TOY] != [stopped]

    run(scene())


@needs_signals
def test_an_attempt_whose_child_was_killed_is_counted_by_the_next(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys) as counter:
            await counter.measured(TOY, attempt())
            (first,) = counter.running[TOY]
            await stopped_by_signal(first)
            waiting = asyncio.create_task(counter.measured(TOY, attempt("again")))
            await asyncio.sleep(0)

            os.kill(first, signal.SIGKILL)

            assert (await waiting).answer_tokens == 5
            assert counter.running[TOY] != [first]

    run(scene())


def test_a_head_that_cannot_be_loaded_is_left_alone_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(60))
    backoff = Backoff(base_seconds=1000.0, cap_seconds=1000.0)

    async def scene() -> None:
        async with counting({TOY: path}, CountingLimits(backoff=backoff)) as counter:
            for _ in range(2):
                with pytest.raises(EngineFailed):
                    await counter.measured(TOY, attempt())
            with pytest.raises(EngineFailed, match="left alone"):
                await counter.measured(TOY, attempt())
            assert counter.running == {}

    run(scene())


def test_a_vocabulary_that_rests_is_ended_and_started_again(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys, CountingLimits(idle_seconds=0.0)) as counter:
            seen = set()
            for _ in range(2):
                first = asyncio.create_task(counter.measured(TOY, attempt()))
                second = asyncio.create_task(counter.measured(TOY, attempt()))
                await first
                (pid,) = counter.running[TOY]
                await second
                await gone(pid)
                seen.add(pid)
            assert len(seen) == 2

    run(scene())


def test_the_one_that_rested_longest_makes_room(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys, CountingLimits(engines_max=1)) as counter:
            for sha256 in (TOY, OTHER, TOY):
                await counter.measured(sha256, attempt())
                assert list(counter.running) == [sha256]

    run(scene())


def test_too_many_that_wait_are_refused(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys, CountingLimits(waiting_max=2)) as counter:
            waiting = [asyncio.create_task(counter.measured(TOY, attempt())) for _ in range(2)]
            await asyncio.sleep(0)

            with pytest.raises(Busy):
                await counter.measured(TOY, attempt())

            assert all(one.agrees for one in await asyncio.gather(*waiting))

    run(scene())


def test_a_host_that_stops_starts_no_child(toys: dict[str, Path]) -> None:
    async def scene() -> None:
        async with counting(toys) as counter:
            await counter.measured(TOY, attempt())
            counter.close()
            with pytest.raises(EngineFailed, match="stopping"):
                await counter.measured(TOY, attempt())

    run(scene())


def test_no_child_outlives_its_host(toys: dict[str, Path]) -> None:
    pids: list[int] = []

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            counter = Counter(find=toys.get, group=group)
            await counter.measured(TOY, attempt())
            pids.extend(counter.running[TOY])
            counter.close()

    run(scene())

    assert not psutil.pid_exists(pids[0])


@pytest.mark.model
def test_a_template_that_never_ends_is_refused_and_stops_nobody(
    gguf_store: GgufStore, tmp_path: Path
) -> None:
    template = (
        "{% if 'loop' in messages[-1].content %}{% for a in range(90000) %}"
        "{% for b in range(90000) %}x{% endfor %}{% endfor %}{% endif %}"
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    head = make_head(gguf_store.llama(LlamaOptions(template=template)), tmp_path)

    def chat(text: str) -> Generate:
        prompt = PromptChat(messages=[{"role": "user", "content": text}])
        return Generate(request=RequestId("x"), prompt=prompt)

    async def scene() -> None:
        async with counting({head.sha256: head.path}) as counter:
            with pytest.raises(TemplateFailed):
                await counter.prompt_tokens(head.sha256, chat("loop"))
            before = counter.running
            assert await counter.prompt_tokens(head.sha256, chat("hi")) > 3
            assert counter.running == before

    run(scene())
