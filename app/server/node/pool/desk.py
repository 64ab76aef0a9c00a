"""Desk: what the faces ask about this node's pool, and what its owner orders there.

Pictures of what is known and kept; the work itself is the member's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, final

from app.core.base.errors import ModelNotFound, RequestError
from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import SECOND, Micros
from app.core.ledger.pricing import Prices, quote
from app.core.member.calendar import date_text, day_of
from app.core.member.caps import Allowance, allowance, missing
from app.core.member.credits import credits_text, micros_of
from app.core.member.energy import JOULES_PER_KWH, kilowatt_hours
from app.core.pool.credits_export import answer_of
from app.core.pool.invite import Invite, read_invite, refuse_expired
from app.core.pool.receipt import RECEIPT
from app.core.pool.wishes import is_within
from app.server.identity.keys import verify
from app.server.node.pool.lessor import Lessor, refuse_unlinked
from app.server.node.pool.pool import Pool
from app.server.node.pool.receipts import audit_kept
from app.server.storage.pool_receipts import KeptReceipt
from app.settings.pool_schema import PoolSettings
from app.wire.pool import Quote
from app.wire.pool_local import (
    POOL_PREFIX,
    CostQuote,
    CreditsFinding,
    DayPicture,
    ExportedAsk,
    ExportedCheckpoint,
    ExportedReceipt,
    MarketPicture,
    PoolExport,
    QuotePicture,
    ReceiptPicture,
    VerifyAnswer,
)

if TYPE_CHECKING:
    from app.server.node.pool.member import Member

COUNT_MAX: Final = 1000
"""Rows that one answer may have."""


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
        """What can be had, whether or not it may be."""
        member, settings = self._pool.member, self._pool.house.pool_settings()
        if member is None:
            raise no_pool()
        await member.market.find_soon("")
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
        refuse_unlinked(self._pool)
        found = await member.market.find_soon(model)
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

    async def _left(self, member: "Member") -> Allowance:
        """What one more request may cost now."""
        house = self._pool.house
        offset = house.offset()
        spent = await house.asks.spent(day_of(house.clock(), offset), offset)
        return allowance(member.spending.caps(), spent)

    async def days(self, count: int) -> tuple[DayPicture, ...]:
        """The last days on which something happened, newest first."""
        pool = self._known()
        house, offset = self._pool.house, self._pool.house.offset()
        kept = await self._pool.receipts_of(pool)
        earned = await kept.earned_by_day(offset)
        spent = await house.asks.spent_by_day(pool, offset)
        joules = await house.days.joules_by_day(pool)
        numbers = sorted({*earned, *spent, *joules}, reverse=True)[: min(count, COUNT_MAX)]
        settings = house.pool_settings()
        return tuple(
            DayPicture(
                date=date_text(day),
                earned=earned.get(day, (0, 0))[0],
                jobs=earned.get(day, (0, 0))[1],
                spent=spent.get(day, 0),
                kilowatt_hours=kilowatt_hours(joules.get(day, 0.0)),
                cost=energy_cost(joules.get(day, 0.0), settings),
            )
            for day in numbers
        )

    async def receipts(self, count: int) -> tuple[ReceiptPicture, ...]:
        """The last jobs, of others and our own, newest first."""
        pool = self._known()
        count = min(count, COUNT_MAX)
        kept = await self._pool.receipts_of(pool)
        rows = [_earned_row(each) for each in await kept.newest(count)]
        rows += [
            ReceiptPicture(
                kind="spent",
                job=ask.job,
                model=POOL_PREFIX + ask.model,
                at=(ask.ended_at or ask.asked_at) / SECOND,
                micros=ask.cost,
                status="open" if ask.ended_at is None else "settled",
                served_by=ask.served_by,
                prompt_tokens=ask.prompt or 0,
                completion_tokens=ask.completion or 0,
            )
            for ask in await self._pool.house.asks.newest(pool, count)
        ]
        return tuple(sorted(rows, key=lambda row: row.at, reverse=True)[:count])

    async def verify(self) -> VerifyAnswer:
        """Everything signed, checked; and the books against it."""
        pool, house = self._known(), self._pool.house
        kept = await self._pool.receipts_of(pool)
        receipts, checkpoints = await kept.all(), await kept.checkpoints()
        report = audit_kept(receipts, checkpoints, device=house.key.device, pool=pool)
        more: list[CreditsFinding] = []
        member = self._pool.member
        if member is not None and member.membership.pool == pool:
            more += [CreditsFinding(place="host", words=each) for each in member.receipts.disputes]
        earned, _ = await house.mirror.totals(pool, house.clock())
        if earned != report.earned:
            words = (
                f"the books say {credits_text(earned)} credits, the verdicts "
                f"{credits_text(report.earned)}"
            )
            more.append(CreditsFinding(place="books", words=words))
        return answer_of(report, checkpoints=len(checkpoints), more=tuple(more))

    async def export(self) -> PoolExport:
        """Everything that can be shown to others."""
        pool, house = self._known(), self._pool.house
        kept = await self._pool.receipts_of(pool)
        name = next((m.name for m in house.memberships.all() if m.pool == pool), "")
        return PoolExport(
            pool=pool,
            name=name,
            device=DeviceId(house.key.device),
            receipts=tuple(_exported(each) for each in await kept.all()),
            checkpoints=tuple(
                ExportedCheckpoint(
                    number=each.number, checkpoint=each.checkpoint, signature=each.signature
                )
                for each in await kept.checkpoints()
            ),
            asks=tuple(
                ExportedAsk(
                    job=ask.job,
                    model=ask.model,
                    at=ask.asked_at,
                    cost=ask.cost,
                    prompt_tokens=ask.prompt or 0,
                    completion_tokens=ask.completion or 0,
                    served_by=ask.served_by,
                    receipt=ask.receipt,
                )
                for ask in await house.asks.all(pool)
            ),
        )

    def _known(self) -> PoolId:
        """The current pool, or the last that was left. Raises: RequestError without any."""
        memberships = self._pool.house.memberships
        known = memberships.all()
        if not known:
            raise no_pool()
        return (memberships.current or known[-1]).pool


def no_pool() -> RequestError:
    """There is nothing to show."""
    return RequestError(
        "this node has joined no pool",
        remedy="Join one with an invite: `athanor pool join INVITE`.",
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


def energy_cost(joules: float, settings: PoolSettings) -> str:
    """What so much energy costs by the owner's tariff: "0.24 €"; "" without one."""
    price = micros_of(settings.electricity_price)
    if not price or joules <= 0:
        return ""
    amount = joules / JOULES_PER_KWH * price / 1_000_000
    return f"{amount:.2f} {settings.electricity_currency}".strip()


def _earned_row(kept: KeptReceipt) -> ReceiptPicture:
    said = RECEIPT.read(kept.receipt)
    return ReceiptPicture(
        kind="earned",
        job=kept.job,
        attempt=kept.attempt,
        number=kept.number,
        model=kept.model,
        at=kept.finished_at / SECOND,
        micros=kept.earned,
        status="open" if kept.verdict is None else "settled",
        prompt_tokens=said.tokens_in if said else 0,
        completion_tokens=said.tokens_out if said else 0,
    )


def _exported(kept: KeptReceipt) -> ExportedReceipt:
    return ExportedReceipt(
        number=kept.number,
        job=kept.job,
        attempt=kept.attempt,
        model=kept.model,
        at=kept.finished_at,
        receipt=kept.receipt,
        signature=kept.signature,
        verdict=kept.verdict,
        verdict_signature=kept.verdict_signature,
        earned=kept.earned,
        settled_at=kept.settled_at,
    )
