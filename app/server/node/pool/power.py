"""Power: what guests' work takes from the wall, as the driver tells it, added up by day."""

from collections.abc import Callable
from typing import Final, final

from app.core.base.ids import PoolId
from app.core.member.energy import Sample, joules_between
from app.core.state.node_state import NodeState
from app.server.node.hub import Hub
from app.server.storage.pool_asks import PoolDays

WRITE_SECONDS: Final = 60.0
"""Between two writes; a crash forgets so much at most."""
_LONGEST_WAIT_SECONDS: Final = 10.0


@final
class Power:
    """Follows the samples of the devices. Used by one event loop."""

    def __init__(
        self,
        pool: PoolId,
        *,
        hub: Hub,
        days: PoolDays,
        day: Callable[[], int],
        now: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._hub = hub
        self._days = days
        self._day = day
        self._now = now
        self._last: Sample | None = None
        self._unwritten = 0.0
        self._written_at = 0.0
        self.today = 0.0
        """Joules."""

    @property
    def is_known(self) -> bool:
        """A driver tells the power of a GPU."""
        return _watts(self._hub.state) is not None

    async def keep_measured(self) -> None:
        """Runs until it is cancelled; what was measured is written then too."""
        devices, number = self._hub.state.devices, -1
        try:
            while True:
                if self._hub.state.devices is not devices or number < 0:
                    devices, number = self._hub.state.devices, self._hub.number
                    await self._measure(self._hub.state)
                await self._hub.bell.wait(_LONGEST_WAIT_SECONDS)
        finally:
            await self._write()

    async def _measure(self, state: NodeState) -> None:
        guests = sum(request.is_guest for request in state.requests.values())
        sample = Sample(
            at=self._now(), watts=_watts(state), guests=guests, requests=len(state.requests)
        )
        joules = joules_between(self._last, sample)
        self._last = sample
        self.today += joules
        self._unwritten += joules
        if sample.at - self._written_at > WRITE_SECONDS:
            self._written_at = sample.at
            await self._write()

    async def _write(self) -> None:
        joules, self._unwritten = self._unwritten, 0.0
        if joules > 0:
            await self._days.add_joules(self._pool, self._day(), joules)


def _watts(state: NodeState) -> float | None:
    known = [d.power_watts for d in state.devices if d.power_watts is not None]
    return sum(known) if known else None
