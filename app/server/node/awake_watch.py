"""AwakeWatch: holds the system awake while the node answers, as the owner wishes it.

Looks at the node when something happens there, and now and then; core/sharing/awake.py decides.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, final

from app.core.sharing.awake import Business, KeepAwake, is_kept_awake
from app.core.sharing.facts import Unknown
from app.server.node.hub import Hub

PACE_SECONDS: Final = 1.0
"""Between two looks: a busy node has hundreds of events a second."""
LOOK_SECONDS: Final = 10.0
"""As often it looks where nothing happens: the battery tells nobody."""


class Holding(Protocol):
    """What holds the system awake (server/hardware/awake says more)."""

    @property
    def is_held(self) -> bool:
        """Sleep is held off."""

    def hold(self) -> object:
        """From now on the system stays awake."""

    def let_go(self) -> None:
        """The system may sleep."""


@final
class AwakeWatch:
    """Used by one event loop."""

    def __init__(
        self,
        hub: Hub,
        awake: Holding,
        *,
        wish: Callable[[], KeepAwake],
        on_battery: Callable[[], bool | Unknown],
        now: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._awake = awake
        self._wish = wish
        self._on_battery = on_battery
        self._now = now
        self._business = Business()

    async def keep_watch(self) -> None:
        """Runs until it is cancelled; the system may sleep then."""
        try:
            while True:
                self.look()
                # What happens in between is seen by the next look.
                await asyncio.sleep(PACE_SECONDS)
                await self._hub.bell.wait(LOOK_SECONDS)
        finally:
            self._awake.let_go()

    def look(self) -> None:
        """Hold or let go, by how things stand now."""
        state, now = self._hub.state, self._now()
        self._business = self._business.after(len(state.requests), now)
        is_kept = is_kept_awake(
            self._wish(),
            self._business,
            is_lending=state.pool is not None
            and state.pool.link == "connected"
            and state.neighbour.verdict.lending == "lend",
            on_battery=self._on_battery(),
            now=now,
        )
        if is_kept and not self._awake.is_held:
            self._awake.hold()
        elif not is_kept and self._awake.is_held:
            self._awake.let_go()
