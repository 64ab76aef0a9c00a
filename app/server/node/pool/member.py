"""Member: this node in its pool, from the moment it is joined: the link and all that goes over it.

It hears the host, hands frames to those whose matter they are, and shows in NodeState how things
stand. A fault in here ends the link and not the node; the link is opened again.
"""

import asyncio
import contextlib
import logging
from typing import Final, final

from msgspec.structs import replace

from app.core.base.ids import JobId
from app.core.base.units import Micros, Microseconds
from app.core.member.calendar import day_of
from app.core.pool.node_session import NodeSession
from app.core.state.events import PoolChanged
from app.core.state.pool_state import LinkLife, PoolState
from app.server.identity.keys import verify
from app.server.node.pool.call import PoolCall
from app.server.node.pool.house import House
from app.server.node.pool.lender import Lender
from app.server.node.pool.link import Link
from app.server.node.pool.market import Market
from app.server.node.pool.power import Power
from app.server.node.pool.receipts import Receipts
from app.server.node.pool.spending import Spending
from app.server.storage.memberships import Membership
from app.server.storage.pool_asks import KeptAsk
from app.server.storage.pool_receipts import KeptReceipt, PoolReceipts
from app.wire.message import Message
from app.wire.opening import Established
from app.wire.pool import (
    CancelJob,
    Checkpoint,
    Countersigned,
    GoingAway,
    Heartbeat,
    Offer,
    Standing,
    Told,
)
from app.wire.pool import Market as MarketFrame

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""As often the node looks at itself where nothing calls."""
REST_SECONDS: Final = 2.0
"""For guests to end before a sleep: the system waits little longer."""
PACE_SECONDS: Final = 0.1
"""Between two looks: a busy node has hundreds of events a second."""


@final
class Member:
    """One membership at work. Used by one event loop; `run` it once."""

    def __init__(self, house: House, membership: Membership, kept: PoolReceipts) -> None:
        self._house = house
        self._call = PoolCall(house.outbound, membership.address)
        self.membership = membership
        self.kept = kept
        """The chain of receipts on the disk."""
        hub, pool = house.hub, membership.pool
        self._state = PoolState(
            pool=pool,
            name=membership.name,
            address=membership.address,
            account=membership.account,
            since=house.now(),
        )
        session = NodeSession(
            signer=house.key,
            verify=verify,
            sealing_key=house.key.sealing_key,
            pool=pool,
            program=house.program,
            name=membership.device_name,
            invite=membership.invite,
        )
        self._session = session
        self.link = Link(
            session,
            membership.address,
            self,
            now=house.now,
            nonce=house.nonce,
            chance=house.chance,
        )
        self.market = Market(self.link.send, house.now)
        self.receipts = Receipts(
            pool,
            key=house.key,
            kept=kept,
            send=self.link.send,
            book=self._book,
            settled=self._settled,
            clock=house.clock,
            runtime=house.runtime,
        )
        self.spending = Spending(
            pool,
            key=house.key,
            asks=house.asks,
            send=self.link.send,
            settings=house.pool_settings,
            market=self.market,
            ledger=self.receipts,
            paid=self._paid,
            clock=house.clock,
            offset=house.offset,
        )
        self._power = Power(pool, hub=hub, days=house.days, day=self._today, now=house.now)
        self._lender: Lender | None = None
        self.decided = asyncio.Event()
        """The host has let us in, or refused."""
        self._day = self._today()

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            await self._count_today()
            await self._book_what_is_missing()
            await self.receipts.look_back()
            async with asyncio.TaskGroup() as guests:
                self._lender = self._lender_in(guests)
                try:
                    await self._keep_linked(self._lender)
                finally:
                    await self._lender.stop()
        finally:
            self._lender = None

    async def leave(self, *, is_for_good: bool) -> None:
        """Take no more, finish receipts, say goodbye; end what the pool answers to clients of ours.

        The caller then cancels `run`.
        """
        if self._lender is not None:
            await self._lender.stop()
        goodbye = GoingAway(reason="leave" if is_for_good else "stop")
        await self.link.leave(goodbye, is_for_good=is_for_good)
        await self.spending.over("this node said goodbye")

    async def rest(self) -> None:
        """The computer is about to sleep: hand jobs over, and tell the host that nobody is here."""
        if self._lender is not None:
            # A guest that does not end must not keep the host from hearing of it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_SECONDS):
                    await self._lender.stop()
        if self.link.send(GoingAway(reason="sleep")):
            await self.link.written()

    def wake(self) -> None:
        """The computer slept: reach the host again, and offer what is lent."""
        self.link.wake()
        if self._lender is not None:
            self._lender.resume()

    # --- what the link says (Ear) ---

    async def opened(self, established: Established, *, is_resumed: bool, lost: str) -> None:
        """See Ear."""
        # Before anything waits: what is asked from now on goes over this session.
        if lost:
            await self.over(lost)
        await self._know(established)
        if not is_resumed:
            if self._lender is not None:
                self._lender.opened()
            await self.receipts.send_again(established)
        self.spending.opened()
        self._change(
            name=established.pool_name,
            account=established.account,
            fee_percent=established.fee_percent,
        )
        self.decided.set()

    async def heard(self, frame: Message) -> None:
        """See Ear."""
        lender = self._lender
        match frame:
            case Told():
                await self.spending.told(frame)
            case Offer() if lender is not None:
                lender.offer(frame)
            case CancelJob() if lender is not None:
                lender.cancel(frame)
            case Countersigned():
                await self.receipts.countersigned(frame)
            case Checkpoint():
                await self.receipts.checkpointed(frame)
            case Standing():
                self._stand(frame)
            case MarketFrame():
                self.market.came(frame)
            case GoingAway():
                log.info("the host goes away", extra={"reason": frame.reason})
                self._change(is_host_leaving=True)
            case _:
                log.info("a frame of no use", extra={"frame": type(frame).__name__})
        self._show()

    def heartbeat(self) -> Heartbeat:
        """See Ear."""
        self._call.received(self.link.received_bytes)
        beat = Heartbeat(is_lending=False) if self._lender is None else self._lender.heartbeat()
        return replace(beat, checkpoint=self.receipts.checkpoint)

    async def over(self, why: str) -> None:
        """See Ear."""
        if self._lender is not None:
            self._lender.stop_all("cancelled")
        await self.spending.over(why)
        self._show()

    def lives(
        self, life: LinkLife, *, trouble: str = "", remedy: str = "", retry_at: float | None = None
    ) -> None:
        """See Ear."""
        since = self._state.since if life == self._state.link else self._house.now()
        self._change(link=life, trouble=trouble, remedy=remedy, retry_at=retry_at, since=since)
        if life != "connected":
            self._change(is_host_leaving=False)
        if life == "connecting":
            self._call.dialled()
        elif life == "connected":
            self._call.opened()
            self._call.received(self.link.received_bytes)
        if life in {"refused", "waiting"}:
            self.decided.set()

    # --- parts ---

    def _lender_in(self, group: asyncio.TaskGroup) -> Lender:
        house = self._house
        return Lender(
            self.membership.pool,
            key=house.key,
            hub=house.hub,
            router=house.router,
            shelf=house.shelf,
            send=self.link.send,
            finish=self.receipts.finish,
            compare=self.receipts.compare,
            checkpoint=lambda: self.receipts.checkpoint,
            settings=house.pool_settings,
            engine=house.engine,
            earned_today=lambda: Micros(self._state.earned_today),
            clock=house.clock,
            group=group,
            runtime=house.runtime,
        )

    async def _keep_linked(self, lender: Lender) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.link.run(), name="pool link")
            group.create_task(self._watch(lender), name="pool watch")
            group.create_task(self._power.keep_measured(), name="pool power")

    async def _watch(self, lender: Lender) -> None:
        """Follows the node: its verdict, its models, its day."""
        hub = self._house.hub
        while True:
            lender.look()
            if self._today() != self._day:
                await self._count_today()
            self._show()
            # What happens in between is seen by the next look.
            await asyncio.sleep(PACE_SECONDS)
            await hub.bell.wait(LOOK_SECONDS)

    def _today(self) -> int:
        now = self._house.clock()
        return day_of(now, self._house.offset(now))

    async def _count_today(self) -> None:
        """The figures of today, by what is kept."""
        offset_at, pool = self._house.offset, self.membership.pool
        self._day = day = self._today()
        earned, jobs = (await self.kept.earned_by_day(offset_at)).get(day, (0, 0))
        spent = (await self._house.asks.spent_by_day(pool, offset_at)).get(day, 0)
        self._power.today = (await self._house.days.joules_by_day(pool)).get(day, 0.0)
        self._change(earned_today=earned, jobs_today=jobs, spent_today=spent)

    async def _book_what_is_missing(self) -> None:
        """A crash, or a disk that is full, came between the end of an ask and its entry."""
        pool, asks, mirror = self.membership.pool, self._house.asks, self._house.mirror
        spent = await asks.spent_ever(pool)
        if spent == 0 or (await mirror.totals(pool, self._house.clock()))[1] == spent:
            return
        for ask in await asks.all(pool):
            if ask.cost is not None and ask.ended_at is not None:
                await mirror.spent(pool, ask.job, ask.cost, ask.ended_at)

    async def _know(self, established: Established) -> None:
        """What the host called itself and us is kept; the invite has done its work."""
        known = replace(
            self.membership,
            name=established.pool_name,
            account=established.account,
            invite="",
        )
        self._session.invite = ""
        if known != self.membership:
            self.membership = known
            await self._house.memberships.keep(known)

    async def _book(self, kept: KeptReceipt, earned: Micros, at: Microseconds) -> None:
        await self._house.mirror.earned(self.membership.pool, kept.job, kept.attempt, earned, at)

    def _settled(self, earned: Micros) -> None:
        self._change(
            earned_today=self._state.earned_today + earned,
            jobs_today=self._state.jobs_today + 1,
            unacknowledged=self.receipts.unacknowledged,
        )

    async def _paid(self, ask: KeptAsk) -> None:
        assert ask.cost is not None and ask.ended_at is not None
        job = JobId(ask.job)
        await self._house.mirror.spent(self.membership.pool, job, ask.cost, ask.ended_at)
        self._change(spent_today=self._state.spent_today + ask.cost)

    def _stand(self, standing: Standing) -> None:
        self._change(
            balance=standing.balance,
            held=standing.held,
            skipped=dict(standing.skipped),
            paused=standing.paused,
            strikes=dict(standing.strikes),
        )

    def _show(self) -> None:
        lender = self._lender
        self._change(
            offered=tuple(
                sorted(model.name for model in lender.offered.models.values()) if lender else ()
            ),
            guests=lender.guests if lender else 0,
            is_capped=lender.is_capped if lender else False,
            spending=self.spending.under_way,
            joules_today=float(round(self._power.today, -3)),
            is_power_known=self._power.is_known,
            unacknowledged=self.receipts.unacknowledged,
            disputes=len(self.receipts.disputes),
        )

    def _change(self, **changes: object) -> None:
        state = replace(self._state, **changes)
        if state != self._state or self._house.hub.state.pool is None:
            self._state = state
            self._house.hub.publish(PoolChanged(pool=state))
