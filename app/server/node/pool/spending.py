"""Spending: requests of this node that its pool answers, within what the owner allows.

Before the host hears of an ask, the most that it may cost is on the disk and counts as spent; when
its cost is known, that counts instead. A lost socket changes nothing: the session goes on. When the
session itself is lost, so are its answers; in the next one the host is asked what they cost.
"""

import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, final

from msgspec.structs import replace

from app.core.base.errors import (
    AthanorError,
    Busy,
    Forbidden,
    RequestConflict,
    SealBroken,
    Unserved,
)
from app.core.base.ids import JobId, PoolId, RequestId
from app.core.base.units import Micros, Microseconds
from app.core.member.caps import Caps, allowance, cost_most
from app.core.member.credits import micros_of
from app.core.pool.commitments import KEY_BYTES
from app.core.pool.room import check_request
from app.core.pool.wishes import RouteWishes, is_within, words_of_wishes
from app.server.identity.keys import DeviceKey
from app.server.node.pool.asking import AnswerEvent, Asking
from app.server.node.pool.market import Market
from app.server.node.pool.receipts import Receipts
from app.server.node.pool.refused import cap_reached
from app.server.node.pool.sealed_ask import SealedAsk, seal_ask
from app.server.storage.pool_asks import KeptAsk, PoolAsks
from app.settings.pool_schema import PoolSettings
from app.wire.engine import Embed, Generate, Refused
from app.wire.message import Message
from app.wire.pool import Ask, CancelAsk, Circle, Quote, Told

log = logging.getLogger(__name__)

SEALED_CIRCLES: Final[frozenset[Circle]] = frozenset({"own", "friends"})
"""A request that only these may read is sealed, so that the host cannot read it either."""

CONTEXT_UNKNOWN: Final = 8192
TRIES_MAX: Final = 16
"""With one idempotency key."""


@final
class Spending:
    """All asks of this node in one pool. Used by one event loop."""

    def __init__(
        self,
        pool: PoolId,
        *,
        key: DeviceKey,
        asks: PoolAsks,
        send: Callable[[Message], bool],
        settings: Callable[[], PoolSettings],
        market: Market,
        ledger: Receipts,
        paid: Callable[[KeptAsk], Awaitable[None]],
        clock: Callable[[], Microseconds],
        offset: Callable[[Microseconds], int],
    ) -> None:
        self._pool = pool
        self._key = key
        self._asks = asks
        self._send = send
        self._settings = settings
        self.market = market
        self._ledger = ledger
        self._paid = paid
        self._clock = clock
        self._offset = offset
        self._under_way: dict[JobId, Asking] = {}
        self._unsent: set[JobId] = set()
        """Being written down: the host hears of them next."""
        self._sealed: dict[JobId, SealedAsk] = {}

    @property
    def under_way(self) -> int:
        """Requests that the pool answers now."""
        return sum(not each.is_abandoned for each in self._under_way.values())

    def caps(self) -> Caps:
        """What the owner allows."""
        settings = self._settings()
        return Caps(
            request=micros_of(settings.spend_request_max),
            day=micros_of(settings.spend_day_max),
            month=micros_of(settings.spend_month_max),
        )

    @asynccontextmanager
    async def asking(
        self,
        job: JobId,
        quote: Quote,
        body: Generate | Embed,
        wishes: RouteWishes,
        *,
        choices: int = 1,
    ) -> AsyncGenerator[Asking, None]:
        """The ask under way; leaving the block before its end cancels it.

        `choices`: so many asks are one request, and share what it may cost.

        Raises: CreditsShort when a cap of the owner is reached; Unserved when nobody within the
        owner's trust is there; Busy without a session; RequestConflict for a job that was asked;
        TooLarge for more than can be sent.
        """
        job = await self._unused(job)
        self._unsent.add(job)
        try:
            ask = await self._reserved(job, quote, body, wishes, choices)
            asking = self._under_way[job] = Asking(ask)
        finally:
            self._unsent.discard(job)
        try:
            if not self._send(ask):
                await self._close(asking)
                raise Busy("the pool cannot be asked just now", retry_after_seconds=5)
            yield asking
        finally:
            asking.is_abandoned = True
            if not asking.ended.is_set():
                # First: a host that counts by now settles at the cancel, and needs ours.
                self._count(asking)
                self._send(CancelAsk(job=job))

    async def told(self, told: Told) -> None:
        """The host's next words about an ask."""
        asking = self._under_way.get(told.job)
        if asking is None:
            await self._told_late(told)
            return
        asking.told(told, self._opened(told))
        sealed = self._sealed.get(told.job)
        if sealed is not None and (sealed.is_over or told.is_last):
            self._count(asking)
        if told.is_last:
            try:
                await self._close(asking)
            finally:
                # The answer is whole, whatever our disk says; the cost is asked for again.
                asking.finish()

    def opened(self) -> None:
        """A session stands. The cost of each ask that it does not carry any more is asked for."""
        self.market.look()
        for job, ask in self._asks.open_asks.items():
            asking = self._under_way.get(job)
            is_lost = job not in self._unsent if asking is None else asking.ended.is_set()
            if is_lost and ask.pool == self._pool:
                self._send(CancelAsk(job=job))

    async def over(self, why: str) -> None:
        """The session ended, and with it every answer under way. What each did cost is told in the
        next one, or never: nothing but figures is kept for that."""
        self.market.forget()
        lost = list(self._under_way.values())
        for asking in lost:
            if not asking.ended.is_set():
                asking.fail(Busy(f"the pool was lost: {why}", retry_after_seconds=5))
        for asking in lost:
            await self._drop(asking)

    # --- parts ---

    async def _unused(self, job: JobId) -> JobId:
        """The job's name; another one for a second try at what cost nothing and gave nothing.

        Raises: RequestConflict where it is being answered, or was before: no answer is kept.
        """
        for number in range(1, TRIES_MAX):
            known = await self._asks.find(job)
            # Looked up after the wait: of two at one time the second sees the first.
            if job in self._unsent or job in self._asks.open_asks:
                raise RequestConflict(
                    "a request with this idempotency key is being answered",
                    remedy="Wait for its end, or send it with another key.",
                )
            if known is None:
                return job
            if known.cost is None or known.cost > 0 or known.completion:
                break
            job = JobId(f"{job.partition('-')[0]}-{number}")
        raise RequestConflict(
            "a request with this idempotency key was sent before, and its answer is not kept",
            remedy="Send it with another key.",
        )

    async def _reserved(
        self,
        job: JobId,
        quote: Quote,
        body: Generate | Embed,
        wishes: RouteWishes,
        choices: int,
    ) -> Ask:
        """The ask, with its most on the disk. Raises: as `asking`."""
        settings, now = self._settings(), self._clock()
        circle = narrower(settings.trust, wishes.trust)
        caps = self.caps()
        spent = await self._asks.spent(now, self._offset, self._pool)
        left = allowance(caps, spent)
        share, most = left.micros // choices, _most(quote, body)
        # Own devices answer for nothing, whatever was spent.
        if share <= 0 < most:
            raise cap_reached(caps, left)
        ask = Ask(
            job=job,
            model=quote.model,
            body=body,
            commitment_key=secrets.token_bytes(KEY_BYTES),
            cost_max=Micros(min(share, most)),
            circle=circle,
            wishes=words_of_wishes(replace(wishes, trust="anyone")),
        )
        sealed = None
        if circle in SEALED_CIRCLES:
            sealed = seal_ask(
                ask, quote, asker=self._key.device, checkpoint=self._ledger.checkpoint
            )
            ask = sealed.ask
        check_request(ask)
        kept = KeptAsk(
            job=job, pool=self._pool, model=quote.model, asked_at=now, cost_max=ask.cost_max
        )
        await self._asks.begin(kept)
        if sealed is not None:
            self._sealed[job] = sealed
        return ask

    def _opened(self, told: Told) -> Sequence[AnswerEvent | Refused]:
        sealed = self._sealed.get(told.job)
        if sealed is None or told.sealed is None:
            return told.events
        try:
            return [*sealed.open(told.sealed), *told.events]
        except SealBroken as error:
            log.warning("a sealed answer cannot be opened", extra={"job": told.job})
            return [refused_by(error, told.job)]

    def _count(self, asking: Asking) -> None:
        """Tell the host our count of a sealed answer, once: it cannot count, and waits for it."""
        sealed = self._sealed.get(asking.job)
        if sealed is not None and not sealed.is_counted:
            sealed.is_counted = True
            now = self._clock()
            self._send(sealed.counted(self._pool, self._key, prompt=asking.prompt, at=now))

    async def _told_late(self, told: Told) -> None:
        """Of an ask whose client is gone since a restart: only the cost is of use."""
        kept = self._asks.open_asks.get(told.job)
        if kept is not None and told.is_last:
            cost = Micros(min(max(0, told.cost), kept.cost_max))
            await self._end(replace(kept, cost=cost, receipt=told.receipt))

    async def _close(self, asking: Asking) -> None:
        """The ask is over; what it cost is kept."""
        kept = await self._drop(asking)
        if kept is not None:
            await self._end(replace(kept, cost=asking.cost or Micros(0), receipt=asking.receipt))

    async def _drop(self, asking: Asking) -> KeptAsk | None:
        """Nothing more of the answer comes: its figures stay with the ask, while that is open."""
        self._under_way.pop(asking.job, None)
        sealed = self._sealed.pop(asking.job, None)
        if sealed is not None and sealed.checkpoint:
            await self._ledger.compare(sealed.checkpoint)
        kept = self._asks.open_asks.get(asking.job)
        if kept is None:
            return None
        kept = replace(
            kept,
            prompt=asking.prompt,
            completion=asking.completion,
            served_by=asking.served_by,
        )
        self._asks.note(kept)
        return kept

    async def _end(self, kept: KeptAsk) -> None:
        ended = replace(kept, ended_at=Microseconds(max(self._clock(), kept.asked_at)))
        await self._asks.end(ended)
        await self._paid(ended)


def narrower(one: Circle, other: Circle) -> Circle:
    """The closer of two circles: the owner's trust and the request's wish both hold."""
    return one if is_within(one, other) else other


def refused_by(error: AthanorError, job: JobId) -> Refused:
    """An error of ours in the place of an event."""
    return Refused(request=RequestId(job), kind=error.kind, message=error.message)


def check_spending(settings: PoolSettings) -> None:
    """Raises Forbidden where the owner lets this node spend nothing."""
    if settings.spending == "off":
        raise Forbidden(
            "this node may not spend credits",
            remedy="Its owner allows it with the setting pool.spending.",
        )


def unserved(name: str) -> Unserved:
    """Nobody in the pool has the model now."""
    return Unserved(
        f"nobody in the pool serves {name} now",
        retry_after_seconds=30,
        remedy="`athanor pool market` lists what can be had.",
    )


def _most(quote: Quote, body: Generate | Embed) -> Micros:
    context = quote.context or CONTEXT_UNKNOWN
    if isinstance(body, Embed):
        return cost_most(quote.prices, context=context * len(body.inputs), max_tokens=0)
    return cost_most(quote.prices, context=context, max_tokens=body.max_tokens)
