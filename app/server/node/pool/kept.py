"""Kept: what this node keeps of one pool, as its owner asks for it: rows, sums, proof.

It reads what is on the disk and nothing else, so that it says the same whether the node runs or its
files are looked at without it (server/main/kept_credits.py).
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Protocol, final

from app.core.base.errors import RequestError
from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.member.calendar import date_text
from app.core.member.credits import credits_text, micros_of
from app.core.member.energy import JOULES_PER_KWH, kilowatt_hours
from app.core.pool.credits_export import verify_export, with_findings
from app.core.pool.receipt import RECEIPT
from app.server.identity.keys import verify as is_signed
from app.server.storage.memberships import Membership, Memberships
from app.server.storage.pool_asks import KeptAsk, PoolAsks, PoolDays
from app.server.storage.pool_receipts import KeptReceipt, PoolReceipts
from app.settings.pool_schema import PoolSettings
from app.wire.pool_local import (
    POOL_PREFIX,
    CreditsFinding,
    DayPicture,
    ExportedAsk,
    ExportedCheckpoint,
    ExportedReceipt,
    PoolExport,
    ReceiptPicture,
    VerifyAnswer,
)

COUNT_MAX: Final = 1000
"""Rows that one answer may have."""


class Totals(Protocol):
    """The node's own books, as far as they are read here."""

    async def totals(self, pool_id: PoolId, now: Microseconds) -> tuple[Micros, Micros]:
        """All that was ever earned and spent in a pool."""


@final
class Kept:
    """Of one pool. `device`: this node's key, asked for only where it is needed."""

    def __init__(
        self,
        membership: Membership,
        receipts: PoolReceipts,
        *,
        asks: PoolAsks,
        days: PoolDays,
        books: Totals,
        device: Callable[[], DeviceId],
    ) -> None:
        self._pool, self._name = membership.pool, membership.name
        self._receipts, self._asks, self._days = receipts, asks, days
        self._books, self._device = books, device

    async def days(
        self, count: int, offset_at: Callable[[Microseconds], int], settings: PoolSettings
    ) -> tuple[DayPicture, ...]:
        """The last days on which something happened, newest first.

        `offset_at`: seconds by which the owner's time is ahead of UTC at a moment.
        """
        earned = await self._receipts.earned_by_day(offset_at)
        spent = await self._asks.spent_by_day(self._pool, offset_at)
        joules = await self._days.joules_by_day(self._pool)
        numbers = sorted({*earned, *spent, *joules}, reverse=True)[: min(count, COUNT_MAX)]
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
        count = min(count, COUNT_MAX)
        rows = [_earned_row(each) for each in await self._receipts.newest(count)]
        rows += [_spent_row(ask) for ask in await self._asks.newest(self._pool, count)]
        return tuple(sorted(rows, key=lambda row: row.at, reverse=True)[:count])

    async def verify(self, now: Microseconds, disputes: Iterable[str] = ()) -> VerifyAnswer:
        """Everything signed, checked; and the books against it.

        `disputes`: what the host said in this session that does not agree.
        """
        # On a thread: the signatures of years take long, and answers are streaming meanwhile.
        found = await asyncio.to_thread(verify_export, await self.export(), is_signed)
        more = [CreditsFinding(place="host", words=each) for each in disputes]
        earned, spent = await self._books.totals(self._pool, now)
        asked = await self._asks.spent_ever(self._pool)
        for booked, proved, verb, whose in (
            (earned, found.earned, "earned", "verdicts"),
            (spent, asked, "spent", "asks"),
        ):
            if booked != proved:
                words = (
                    f"the books say {credits_text(booked)} credits were {verb}, the {whose} "
                    f"{credits_text(proved)}"
                )
                more.append(CreditsFinding(place="books", words=words))
        return with_findings(found, more)

    async def export(self) -> PoolExport:
        """Everything that can be shown to others."""
        return PoolExport(
            pool=self._pool,
            name=self._name,
            device=self._device(),
            receipts=tuple(_exported(each) for each in await self._receipts.all()),
            checkpoints=tuple(
                ExportedCheckpoint(
                    number=each.number, checkpoint=each.checkpoint, signature=each.signature
                )
                for each in await self._receipts.checkpoints()
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
                for ask in await self._asks.all(self._pool)
            ),
        )


def last_joined(memberships: Memberships) -> Membership:
    """The current pool, or the last that was left. Raises: RequestError without any."""
    known = memberships.all()
    if not known:
        raise no_pool()
    return memberships.current or known[-1]


def no_pool() -> RequestError:
    """There is nothing to show."""
    return RequestError(
        "this node has joined no pool",
        remedy="Join one with an invite: `athanor pool join INVITE`.",
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


def _spent_row(ask: KeptAsk) -> ReceiptPicture:
    return ReceiptPicture(
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
