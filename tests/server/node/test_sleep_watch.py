"""Laws of the watch over sleep: what is told happens once, and what is not told happens after."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.server.hardware.surroundings.sleep_signals import Hear, SleepUntold, SleepWord
from app.server.node.sleep_watch import SleepWatch

WAIT_SECONDS = 30


class System:
    """Signals that a test gives; `returned` is set when the system may go to sleep."""

    def __init__(self) -> None:
        self._hear: Hear | None = None
        self._began = threading.Event()
        self._closed = threading.Event()

    def run(self, hear: Hear) -> None:
        self._hear = hear
        self._began.set()
        self._closed.wait(WAIT_SECONDS)

    def close(self) -> None:
        self._closed.set()

    async def say(self, word: SleepWord) -> None:
        """Returns when the node lets the system go on."""

        def tell() -> None:
            assert self._began.wait(WAIT_SECONDS)
            assert self._hear is not None
            self._hear(word)

        await asyncio.to_thread(tell)


class Silent:
    """A system that tells nothing."""

    def run(self, _: Hear) -> None:
        raise SleepUntold("this system is silent")

    def close(self) -> None:
        pass


@asynccontextmanager
async def watched(system: System | Silent, done: list[str]) -> AsyncIterator[SleepWatch]:
    async def before() -> None:
        await asyncio.sleep(0)
        done.append("before")

    async def after() -> None:
        done.append("after")

    watch = SleepWatch(lambda: system, before=before, after=after)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch.keep_watch())
        yield watch
        watching.cancel()


def test_the_system_sleeps_only_when_the_node_is_ready() -> None:
    async def act() -> list[str]:
        system, done = System(), list[str]()
        async with watched(system, done):
            await system.say("sleeps")
            assert done == ["before"]
            await system.say("woke")
        return done

    assert asyncio.run(act()) == ["before", "after"]


def test_a_sleep_that_was_told_is_not_followed_twice_when_the_clocks_show_it() -> None:
    async def act() -> list[str]:
        system, done = System(), list[str]()
        async with watched(system, done) as watch:
            await system.say("sleeps")
            await system.say("woke")
            await watch.slept()
            assert done == ["before", "after"]
            await watch.slept()
        return done

    assert asyncio.run(act()) == ["before", "after", "after"]


def test_where_the_system_is_silent_the_clocks_tell_afterwards() -> None:
    async def act() -> list[str]:
        done: list[str] = []
        async with watched(Silent(), done) as watch:
            await watch.slept()
        return done

    assert asyncio.run(act()) == ["after"]


def test_a_node_that_takes_too_long_is_not_waited_for() -> None:
    async def act() -> bool:
        system, was_cut = System(), asyncio.Event()

        async def never() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                was_cut.set()
                raise

        async def nothing() -> None:
            return

        watch = SleepWatch(lambda: system, before=never, after=nothing)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch.keep_watch())
            await system.say("sleeps")
            await was_cut.wait()
            watching.cancel()
        return was_cut.is_set()

    assert asyncio.run(act())
