"""Laws of the small parts between the event loop and a child: outbox, mailbox, watchdog, bell."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.core.base.errors import EngineFailed
from app.core.base.ids import RequestId
from app.server.engine_child.mailbox import Mailbox
from app.server.engine_child.outbox import Outbox
from app.server.engine_child.watchdog import Watchdog
from app.server.node.bell import Bell
from app.wire.engine import Begun, Cancel, Drain, ToEngine, Tokenize
from app.wire.framing import FrameReader
from tests.server.node.homes import run

ONE, TWO = RequestId("one"), RequestId("two")


@asynccontextmanager
async def sending(outbox: Outbox) -> AsyncIterator[asyncio.StreamReader]:
    """What `outbox` writes into a real pipe."""
    loop = asyncio.get_running_loop()
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
    )
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    writing, _ = await loop.connect_write_pipe(lambda: protocol, os.fdopen(write_end, "wb"))
    writer = asyncio.StreamWriter(writing, protocol, None, loop)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(outbox.send_to(writer))
        yield reader
        task.cancel()
    writing.close()
    reading.close()


async def messages(reader: asyncio.StreamReader, count: int) -> list[ToEngine]:
    frames: FrameReader[ToEngine] = FrameReader(ToEngine)
    found: list[ToEngine] = []
    while len(found) < count:
        found += frames.feed(await reader.read(1 << 16))
    return found


def question(request: RequestId, text: str = "a") -> Tokenize:
    return Tokenize(request=request, text=text)


def test_messages_arrive_whole_and_in_order() -> None:
    async def test() -> None:
        outbox = Outbox()
        sent = [question(RequestId(f"r{number}"), "x" * number * 100) for number in range(500)]
        for message in sent:
            outbox.put(message, message.request)
        async with sending(outbox) as reader:
            assert await messages(reader, 500) == sent

    run(test())


def test_a_request_that_was_not_sent_yet_is_taken_back_without_a_word() -> None:
    async def test() -> None:
        outbox = Outbox()
        outbox.put(question(ONE), ONE)
        outbox.put(question(TWO), TWO)
        outbox.cancel(ONE)
        outbox.put(Drain())
        async with sending(outbox) as reader:
            assert await messages(reader, 2) == [question(TWO), Drain()]

    run(test())


def test_a_request_that_was_sent_is_cancelled_by_a_message() -> None:
    async def test() -> None:
        outbox = Outbox()
        async with sending(outbox) as reader:
            outbox.put(question(ONE), ONE)
            assert await messages(reader, 1) == [question(ONE)]
            outbox.cancel(ONE)
            assert await messages(reader, 1) == [Cancel(request=ONE)]

    run(test())


def test_a_mailbox_gives_what_came_before_the_failure_and_then_the_failure() -> None:
    async def test() -> None:
        mailbox = Mailbox(2)
        answer = Begun(request=ONE, prompt_tokens=1)
        assert mailbox.put(answer) and mailbox.put(answer)
        assert not mailbox.put(answer)
        mailbox.fail(EngineFailed("first"))
        mailbox.fail(EngineFailed("second"))

        assert await mailbox.take() == answer
        assert await mailbox.take() == answer
        for _ in range(2):
            with pytest.raises(EngineFailed, match="first"):
                await mailbox.take()

    run(test())


def test_a_mailbox_wakes_its_reader() -> None:
    async def test() -> None:
        mailbox = Mailbox(2)
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(mailbox.take())
            await asyncio.sleep(0)
            mailbox.put(Begun(request=ONE, prompt_tokens=1))
        assert isinstance(taking.result(), Begun)

    run(test())


def test_a_watchdog_barks_once_after_silence_and_not_while_it_hears_something() -> None:
    async def test() -> None:
        silences: list[float] = []
        barked = asyncio.Event()

        def bark(seconds: float) -> None:
            silences.append(seconds)
            barked.set()

        loop = asyncio.get_running_loop()
        dog = Watchdog(lambda: 0.1, bark)
        began = loop.time()
        dog.expect()
        loop.call_later(0.06, dog.heard)
        await barked.wait()

        assert loop.time() - began >= 0.16 - 0.001
        assert silences == [0.1]

    run(test())


def test_a_watchdog_counts_silence_only_from_when_something_is_owed() -> None:
    async def test() -> None:
        owed = [True]
        barked = asyncio.Event()
        dog = Watchdog(lambda: 0.05 if owed[0] else None, lambda _: barked.set())
        dog.expect()
        owed[0] = False
        # The timer of the first debt fires in this time and finds nothing owed.
        await Bell().wait(0.1)
        owed[0] = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        dog.expect()
        await barked.wait()

        assert loop.time() - began >= 0.05 - 0.001

    run(test())


def test_a_bell_wakes_all_who_wait_and_nobody_later() -> None:
    async def test() -> None:
        bell = Bell()
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(bell.wait()) for _ in range(3)]
            await asyncio.sleep(0)
            bell.ring()
        assert all(wait.done() for wait in waits)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await bell.wait(0.02)
        assert loop.time() - began >= 0.02 - 0.001

    run(test())
