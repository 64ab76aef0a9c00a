"""Remote: what is at the hub: search, a repository's models, and the card of one of them.

Asked only when the owner asks. Answers are kept for some minutes, since a page asks again at every
change; cards for ever, since content does not change under its hash.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, final
from urllib.parse import urlsplit

from app.core.base.errors import RemoteNotFound
from app.core.downloads.wanted import HOSTS
from app.core.models.card import ModelCard
from app.observe.outbound import Outbound
from app.server.hardware.engine_program import EngineProgram
from app.server.models.remote_cards import RemoteCards
from app.server.models.remote_header import read_remote_card
from app.server.models.variants import Variant
from app.server.node.downloads.courier import Courier, courier
from app.wire.download import Describe, Described, Found, RangeRead, ReadRange, SearchHub

FRESH_SECONDS: Final = 300.0
KEPT_MAX: Final = 200
CHILDREN_MAX: Final = 3
"""Questions at the same time: each is a process for a moment."""

RESULTS_MAX: Final = 30

T = TypeVar("T")


@final
class Remote:
    """Questions to the hub. Used by one event loop."""

    def __init__(self, program: EngineProgram, outbound: Outbound, cards: RemoteCards) -> None:
        self._program = program
        self._outbound = outbound
        self._cards = cards
        self._places = asyncio.Semaphore(CHILDREN_MAX)
        self._kept: dict[tuple[str, ...], tuple[float, object]] = {}

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names under which addresses of the hub are understood."""
        own = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname
        return (*HOSTS, own) if own else HOSTS

    async def search(self, query: str) -> Found:
        """Repositories for these words. Raises: as Courier.ask."""
        question = SearchHub(query=query, limit=RESULTS_MAX)
        return await self._fresh(
            ("search", query), lambda: self._asked(lambda child: child.ask(question, Found)), Found
        )

    async def describe(self, repository: str, revision: str = "main") -> Described:
        """A repository's files now. Raises: as Courier.ask."""
        question = Describe(repository=repository, revision=revision)
        return await self._fresh(
            ("describe", repository, revision),
            lambda: self._asked(lambda child: child.ask(question, Described)),
            Described,
        )

    def known_card(self, variant: Variant) -> ModelCard | None:
        """The card of a variant whose header was read before."""
        return self._cards.get(variant.files[0].sha256)

    async def card(self, described: Described, variant: Variant) -> ModelCard:
        """The card of a variant, from the headers of its files.

        Raises: as Courier.ask; ModelFileInvalid.
        """
        if known := self.known_card(variant):
            return known
        card = await self._asked(lambda child: self._read(child, described, variant))
        self._cards.put(variant.files[0].sha256, card)
        await asyncio.to_thread(self._cards.save)
        return card

    async def _read(self, child: Courier, described: Described, variant: Variant) -> ModelCard:
        loop = asyncio.get_running_loop()

        async def ask(path: str, begin: int, length: int) -> bytes:
            question = ReadRange(
                repository=described.repository,
                revision=described.commit,
                path=path,
                begin=begin,
                length=length,
            )
            return (await child.ask(question, RangeRead)).content

        def read_range(path: str, begin: int, length: int) -> bytes:
            # The reader is synchronous and waits in its thread for each piece.
            return asyncio.run_coroutine_threadsafe(ask(path, begin, length), loop).result()

        try:
            return await asyncio.to_thread(read_remote_card, variant.files, read_range)
        except OSError:
            raise RemoteNotFound(f"the header of {variant.stem} could not be read") from None

    async def _asked(self, ask: Callable[[Courier], Awaitable[T]]) -> T:
        async with self._places, courier(self._program, self._outbound) as child:
            return await ask(child)

    async def _fresh(
        self, key: tuple[str, ...], ask: Callable[[], Awaitable[T]], kind: type[T]
    ) -> T:
        """The kept answer while it is young, else a new one."""
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < FRESH_SECONDS:
            assert isinstance(kept[1], kind), "the key names the question"
            return kept[1]
        answer = await ask()
        self._kept.pop(key, None)
        self._kept[key] = (time.monotonic(), answer)
        while len(self._kept) > KEPT_MAX:
            self._kept.pop(next(iter(self._kept)))
        return answer
