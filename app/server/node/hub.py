"""Hub: the only writer of NodeState.

Whoever knows that something happened publishes an event; the hub applies it, numbers it and hands
it to the watchers. A watcher gets the picture first, then every event after it without a gap; one
that lags behind is cut off and may start again. So a face that hangs costs a bounded queue and
nothing else, and none ever shows a picture with a hole in it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final, final

import msgspec

from app.core.state.apply import apply
from app.core.state.events import Event
from app.core.state.node_state import NodeState
from app.server.node.bell import Bell

WATCHER_EVENTS_MAX: Final = 256
"""Events that wait for one watcher before it is cut off: seconds of a busy node."""


@final
class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its number and the state after it. `event` is None in the first of a watch."""

    number: int
    event: Event | None
    state: NodeState


@final
class _Watcher:
    """What waits for one reader. `news` is set when there is something, or nothing more."""

    def __init__(self, first: Happened) -> None:
        self.waiting: deque[Happened] = deque([first])
        self.news = asyncio.Event()
        self.news.set()
        self.is_over = False

    def tell(self, happened: Happened) -> None:
        if len(self.waiting) >= WATCHER_EVENTS_MAX:
            # It starts again with a picture: what waits for it is of no use.
            self.waiting.clear()
            self.end()
        else:
            self.waiting.append(happened)
            self.news.set()

    def end(self) -> None:
        self.is_over = True
        self.news.set()


@final
class Hub:
    """Holds the state. Used by one event loop; `publish` never waits."""

    def __init__(self, state: NodeState) -> None:
        self.state: NodeState = state
        """The picture now. Read it freely; it is never changed, only replaced."""
        self.number: int = 0
        """Of the last event; rises by one each."""
        self.bell = Bell()
        """Rung at every event, and when somebody begins to watch."""
        self._watchers: set[_Watcher] = set()
        self._is_closed = False

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._watchers)

    def publish(self, event: Event) -> None:
        """Apply the event and tell the watchers. Raises: IllegalTransition, for a bug."""
        self.state = apply(self.state, event)
        self.number += 1
        self.bell.ring()
        if not self._watchers:
            return
        happened = Happened(number=self.number, event=event, state=self.state)
        for watcher in list(self._watchers):
            watcher.tell(happened)
            if watcher.is_over:
                self._watchers.discard(watcher)

    async def watch(self) -> AsyncGenerator[Happened, None]:
        """The picture, then each event as it comes.

        Ends when the watcher lags by more than `WATCHER_EVENTS_MAX`, or when the hub closes. Close
        the generator to stop watching.
        """
        if self._is_closed:
            return
        watcher = _Watcher(Happened(number=self.number, event=None, state=self.state))
        self._watchers.add(watcher)
        self.bell.ring()
        try:
            while True:
                await watcher.news.wait()
                watcher.news.clear()
                while watcher.waiting:
                    yield watcher.waiting.popleft()
                if watcher.is_over:
                    return
        finally:
            self._watchers.discard(watcher)

    def close(self) -> None:
        """End every watch after the events so far, and let none begin."""
        self._is_closed = True
        for watcher in self._watchers:
            watcher.end()
        self._watchers.clear()
