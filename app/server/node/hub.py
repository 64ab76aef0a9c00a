"""Hub: the only writer of NodeState.

Whoever knows that something happened publishes an event; the hub applies it, numbers it and hands
it to the watchers. A watcher gets the picture first, then every event after it without a gap; one
that lags behind is cut off and may start again.
"""

from collections.abc import AsyncIterator
from typing import Final, final

import msgspec

from app.core.state.events import Event
from app.core.state.node_state import NodeState

WATCHER_EVENTS_MAX: Final = 256
"""Events that wait for one watcher before it is cut off: seconds of a busy node."""


@final
class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its number and the state after it. `event` is None in the first of a watch."""

    number: int
    event: Event | None
    state: NodeState


class Hub:
    """Holds the state. Used by one event loop; `publish` never waits."""

    def __init__(self, state: NodeState) -> None:
        self.state: NodeState = state
        """The picture now. Read it freely; it is never changed, only replaced."""
        self.number: int = 0
        """Of the last event; rises by one each."""

    def publish(self, event: Event) -> None:
        """Apply the event and tell the watchers. Raises: IllegalTransition, for a bug."""
        raise NotImplementedError

    def watch(self) -> AsyncIterator[Happened]:
        """The picture, then each event as it comes.

        Ends when the watcher lags by more than `WATCHER_EVENTS_MAX`, or when the hub closes. Close
        the iterator to stop watching.
        """
        raise NotImplementedError

    def close(self) -> None:
        """End every watch."""
        raise NotImplementedError
