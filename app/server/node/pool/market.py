"""Market: what the pool serves now, as the host last said, asked for again when somebody looks.

Nobody who lists models waits for the host: the list of the moment is shown, and a new one is asked
for when it is old.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

from app.wire.message import Message
from app.wire.pool import Look, Quote
from app.wire.pool import Market as MarketFrame
from app.wire.pool_local import POOL_PREFIX

FRESH_SECONDS: Final = 10.0
"""A list this young is not asked for again."""
ANSWER_SECONDS_MAX: Final = 5.0
"""For a request whose model is not on the list that we have."""
QUOTES_MAX: Final = 2_000


@final
class Market:
    """The quotes of one pool. Used by one event loop."""

    def __init__(self, send: Callable[[Message], bool], now: Callable[[], float]) -> None:
        self._send = send
        self._now = now
        self._quotes: dict[str, Quote] = {}
        self._came_at = float("-inf")
        self._asked_at = float("-inf")
        self._news = asyncio.Event()

    @property
    def is_known(self) -> bool:
        """The host has told at least once."""
        return self._came_at > float("-inf")

    def quotes(self) -> tuple[Quote, ...]:
        """As last told, by name; a newer list is asked for if this one is old."""
        self.look()
        return tuple(self._quotes[name] for name in sorted(self._quotes))

    def look(self) -> None:
        """Ask for a new list if this one is old. Never waits."""
        now = self._now()
        if now - max(self._came_at, self._asked_at) > FRESH_SECONDS and self._send(Look()):
            self._asked_at = now

    def find(self, name: str) -> Quote | None:
        """The quote for a name with or without its prefix; letters' case does not matter."""
        wanted = name.removeprefix(POOL_PREFIX)
        if found := self._quotes.get(wanted):
            return found
        lower = wanted.lower()
        return next((quote for key, quote in self._quotes.items() if key.lower() == lower), None)

    async def find_soon(self, name: str) -> Quote | None:
        """The same, after a new list where the one that we have lacks it or is old."""
        found = self.find(name)
        if found is not None and self._now() - self._came_at <= FRESH_SECONDS:
            return found
        self._news.clear()
        self.look()
        if self._asked_at > self._came_at:
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._news.wait()
            except TimeoutError:
                return found
        return self.find(name)

    def came(self, frame: MarketFrame) -> None:
        """The host told."""
        self._quotes = {quote.model: quote for quote in frame.quotes[:QUOTES_MAX]}
        self._came_at = self._now()
        self._news.set()

    def forget(self) -> None:
        """The session is over: nothing is known of what can be had."""
        self._quotes = {}
        self._came_at = self._asked_at = float("-inf")
        self._news.set()
