"""History: the node's last minutes as points of a plot, noted while something happens.

A node at rest notes nothing and wakes nobody; a plot draws the gap as stillness, since totals that
did not change stand on both sides of it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, final

import msgspec

from app.core.state.node_state import NodeState
from app.server.node.hub import Hub

POINT_SECONDS: Final = 2.0
"""As often as devices are sampled."""
KEPT: Final = 450
"""A quarter of an hour of a busy node."""


@final
class DevicePoint(msgspec.Struct, frozen=True, kw_only=True):
    """One device at a moment."""

    used: int
    """Bytes."""
    busy: float | None = None
    temperature: float | None = None
    power: float | None = None


@final
class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The node at a moment. Totals rise from the start of the server."""

    at: float
    """Seconds since 1970."""
    requests: int
    """That ended."""
    tokens: int
    """Of answers, those under way too."""
    running: int
    """Requests in flight."""
    devices: tuple[DevicePoint, ...] = ()


def point_of(state: NodeState, at: float) -> Point:
    """The state as a point. Pure."""
    tallies = [model.tally for model in state.models.values()]
    return Point(
        at=at,
        requests=sum(t.completed + t.cancelled + t.refused + t.failed for t in tallies),
        tokens=sum(tally.completion_tokens for tally in tallies)
        + sum(request.completion_tokens for request in state.requests.values()),
        running=len(state.requests),
        devices=tuple(
            DevicePoint(
                used=device.memory_total - device.memory_free,
                busy=device.busy_percent,
                temperature=device.temperature_celsius,
                power=device.power_watts,
            )
            for device in state.devices
        ),
    )


@final
class History:
    """The points of one node. `now` is seconds since 1970."""

    def __init__(self, hub: Hub, now: Callable[[], float]) -> None:
        self._hub = hub
        self._now = now
        self._points: deque[Point] = deque(maxlen=KEPT)
        self._number = -1

    def points(self) -> list[Point]:
        """Oldest first; the last is of this moment."""
        return [*self._points, point_of(self._hub.state, self._now())]

    async def keep_noted(self) -> None:
        """Runs until it is cancelled."""
        while True:
            if self._number == self._hub.number:
                await self._hub.bell.wait()
            self._number = self._hub.number
            self._points.append(point_of(self._hub.state, self._now()))
            # The rhythm of the plot; what happens meanwhile is in the next point.
            await asyncio.sleep(POINT_SECONDS)
