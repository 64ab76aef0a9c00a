"""Laws of the hub: one writer, numbered events, no watcher that can hurt."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from app.core.state.events import Event, Notice, NoticeRaised
from app.core.state.node_state import NodeState
from app.server.node.hub import WATCHER_EVENTS_MAX, Happened, Hub


def notice(number: int) -> Event:
    return NoticeRaised(notice=Notice(key="n", severity="info", message=str(number)))


async def take(watch: AsyncGenerator[Happened, None], count: int) -> list[Happened]:
    return [await anext(watch) for _ in range(count)]


async def rest(watch: AsyncGenerator[Happened, None]) -> list[Happened]:
    async with asyncio.timeout(5):
        return [happened async for happened in watch]


def test_a_watcher_gets_the_picture_and_then_every_event_without_a_gap() -> None:
    async def run() -> None:
        hub = Hub(NodeState())
        hub.publish(notice(1))
        async with aclosing(hub.watch()) as watch:
            (picture,) = await take(watch, 1)
            for number in range(2, 6):
                hub.publish(notice(number))
            events = await take(watch, 4)

        assert picture == Happened(number=1, event=None, state=picture.state)
        assert [happened.number for happened in events] == [2, 3, 4, 5]
        assert events[-1].state is hub.state
        assert hub.watchers == 0

    asyncio.run(run())


def test_a_watcher_that_lags_is_cut_off_and_can_start_again() -> None:
    async def run() -> None:
        hub = Hub(NodeState())
        slow = hub.watch()
        await anext(slow)
        async with aclosing(hub.watch()) as quick:
            await anext(quick)
            for number in range(WATCHER_EVENTS_MAX + 1):
                hub.publish(notice(number))
                await anext(quick)

            assert await rest(slow) == []
            assert hub.watchers == 1
            (picture,) = await take(hub.watch(), 1)
            assert picture.number == hub.number

    asyncio.run(run())


async def hub_closes(hub: Hub, *, once_watched_by: int) -> None:
    """The tasks before this one have run up to their first wait."""
    assert hub.watchers == once_watched_by
    hub.publish(notice(9))
    hub.close()


def test_closing_the_hub_ends_every_watch_after_its_last_event() -> None:
    async def run() -> None:
        hub = Hub(NodeState())
        async with asyncio.TaskGroup() as group:
            watches = [group.create_task(rest(hub.watch())) for _ in range(3)]
            group.create_task(hub_closes(hub, once_watched_by=3))

        last = notice(9)
        assert [[h.event for h in task.result()] for task in watches] == [[None, last]] * 3
        assert await rest(hub.watch()) == []

    asyncio.run(run())
