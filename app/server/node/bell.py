"""Bell: wakes all who wait for something to have changed, and then look for themselves."""

import asyncio
from typing import final


@final
class Bell:
    """Used by one event loop. Whoever waits looks first, and waits without an await between."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now; who waits later waits for the next ring."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds_max: float | None = None) -> None:
        """Returns at the next ring, or after `seconds_max`."""
        event = self._event
        try:
            async with asyncio.timeout(seconds_max):
                await event.wait()
        except TimeoutError:
            return
