"""Desk: what the faces ask about this node's pool, and what its owner orders there.

Pictures of what is known and kept; the work itself is the member's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from app.core.base.errors import ModelNotFound
from app.core.base.units import Micros
from app.core.ledger.pricing import Prices, quote
from app.core.member.caps import Allowance, allowance, missing
from app.core.pool.invite import Invite, read_invite, refuse_expired
from app.core.pool.wishes import is_within
from app.server.identity.keys import verify
from app.server.node.pool.kept import Kept, last_joined, no_pool
from app.server.node.pool.lessor import Lessor, refuse_unreached
from app.server.node.pool.pool import Pool
from app.wire.pool import Quote
from app.wire.pool_local import (
    POOL_PREFIX,
    CostQuote,
    DayPicture,
    MarketPicture,
    PoolExport,
    QuotePicture,
    ReceiptPicture,
    VerifyAnswer,
)

if TYPE_CHECKING:
    from app.server.node.pool.member import Member


@final
class PoolDesk:
    """Used by one event loop."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @property
    def device(self) -> str:
        """This node's key; "" while there is no pool, and so no key needed yet."""
        return self._pool.house.key.device if self._pool.member is not None else ""

    @property
    def is_known(self) -> bool:
        """A pool is joined, or one was: there may be something to show."""
        return bool(self._pool.house.memberships.all())

    def lessor(self, provider: Mapping[str, object], key: str) -> Lessor:
        """Where a request goes that came with these wishes and this idempotency key."""
        return Lessor(self._pool.house.router, self._pool, provider=provider, key=key)

    def quotes(self) -> tuple[Quote, ...]:
        """What the pool serves now, as last told; () where nothing may be spent."""
        member = self._pool.member
        if member is None or self._pool.house.pool_settings().spending == "off":
            return ()
        return member.market.quotes()

    def read_invite(self, text: str) -> Invite:
        """What an invite says. Raises: RequestError where it is damaged or its time is over."""
        invite = read_invite(text, verify)
        refuse_expired(invite, self._pool.house.clock())
        return invite

    async def join(self, invite: str, name: str = "") -> None:
        """See Pool.join."""
        await self._pool.join(invite, name=name)

    async def leave(self) -> None:
        """See Pool.leave."""
        await self._pool.leave()

    async def rest(self) -> None:
        """See Pool.rest."""
        await self._pool.rest()

    async def wake(self) -> None:
        """See Pool.wake."""
        await self._pool.wake()

    async def market(self) -> MarketPicture:
        """What can be had, whether or not it may be.

        Raises: RequestError without a pool; Busy where its host is not reached.
        """
        member, settings = self._pool.member, self._pool.house.pool_settings()
        if member is None:
            raise no_pool()
        await self._look(member, "")
        left = await self._left(member)
        return MarketPicture(
            quotes=tuple(quote_picture(quote) for quote in member.market.quotes()),
            spending=settings.spending,
            left_request=left.micros,
            left_cap=left.cap,
            trust=settings.trust,
        )

    async def quote(self, model: str, *, prompt: int, answer: int) -> CostQuote:
        """What so many tokens would cost.

        Raises: RequestError without a pool; Busy where its host is not reached; ModelNotFound.
        """
        member = self._pool.member
        if member is None:
            raise no_pool()
        found = await self._look(member, model)
        if found is None:
            near = tuple(POOL_PREFIX + quote.model for quote in member.market.quotes()[:3])
            raise ModelNotFound(model, near)
        settings = self._pool.house.pool_settings()
        state, left = self._pool.house.hub.state.pool, await self._left(member)
        assert state is not None, "a member has a picture"
        prices = Prices(input=found.prices[0], cached_input=found.prices[1], output=found.prices[2])
        bounds = quote(prices, prompt=prompt, answer_max=answer)
        return CostQuote(
            model=POOL_PREFIX + found.model,
            input_tokens=prompt,
            output_tokens=answer,
            least=bounds.least,
            most=bounds.most,
            wait_seconds=found.expected_wait,
            context=found.context,
            available=state.balance - state.held,
            left_request=left.micros,
            left_cap=left.cap,
            nearest=found.nearest,
            trust=settings.trust,
            missing=missing(
                bounds,
                context=found.context,
                is_spending=settings.spending != "off",
                is_trusted=found.nearest == "" or is_within(found.nearest, settings.trust),
                left=left.micros,
                available=Micros(state.balance - state.held),
            ),
        )

    async def _look(self, member: "Member", name: str) -> Quote | None:
        """See Market.find_soon. Raises: Busy where the host is gone: its list is of before."""
        refuse_unreached(self._pool)
        found = await member.market.find_soon(name)
        refuse_unreached(self._pool)  # it may have gone while it was asked
        return found

    async def _left(self, member: "Member") -> Allowance:
        """What one more request may cost now."""
        house = self._pool.house
        spent = await house.asks.spent(house.clock(), house.offset, member.membership.pool)
        return allowance(member.spending.caps(), spent)

    async def days(self, count: int) -> tuple[DayPicture, ...]:
        """See Kept.days."""
        house = self._pool.house
        return await (await self._kept()).days(count, house.offset, house.pool_settings())

    async def receipts(self, count: int) -> tuple[ReceiptPicture, ...]:
        """See Kept.receipts."""
        return await (await self._kept()).receipts(count)

    async def verify(self) -> VerifyAnswer:
        """See Kept.verify."""
        kept, member = await self._kept(), self._pool.member
        disputes = () if member is None else tuple(member.receipts.disputes)
        return await kept.verify(self._pool.house.clock(), disputes)

    async def export(self) -> PoolExport:
        """See Kept.export."""
        return await (await self._kept()).export()

    async def _kept(self) -> Kept:
        """Of the current pool, or the last that was left. Raises: RequestError without any."""
        house = self._pool.house
        known = last_joined(house.memberships)
        return Kept(
            known,
            await self._pool.receipts_of(known.pool),
            asks=house.asks,
            days=house.days,
            books=house.mirror,
            device=lambda: house.key.device,
        )


def quote_picture(quote: Quote) -> QuotePicture:
    """One model of the pool as faces show it."""
    return QuotePicture(
        model=POOL_PREFIX + quote.model,
        sha256=quote.sha256,
        context=quote.context,
        input_price=quote.prices[0],
        cached_price=quote.prices[1],
        output_price=quote.prices[2],
        wait_seconds=quote.expected_wait,
        workers=quote.workers,
        nearest=quote.nearest,
        can_be_sealed=bool(quote.sealing),
    )
