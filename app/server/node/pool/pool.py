"""Pool: the node's membership in a pool, whether it has one or not.

Joined by an invite, left by the owner's word; what was earned and spent stays on the disk for ever.
A node without a pool loads nothing of it: no connection, no key, no library.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from app.core.base.errors import RequestError
from app.core.base.ids import PoolId
from app.core.base.units import Microseconds
from app.core.pool.invite import read_invite, refuse_expired
from app.core.state.events import NoticeCleared, NoticeRaised, PoolLeft
from app.core.state.node_state import Notice
from app.core.state.pool_state import PoolState
from app.server.identity.keys import verify
from app.server.node.bell import Bell
from app.server.node.pool.house import House
from app.server.storage.database import Database
from app.server.storage.memberships import Membership
from app.server.storage.pool_receipts import PoolReceipts

if TYPE_CHECKING:
    from app.server.node.pool.member import Member

log = logging.getLogger(__name__)

JOIN_SECONDS: Final = 20.0
"""For the host to answer an invite; after it the node goes on trying in the background."""
RESTART_SECONDS: Final = 5.0
"""After a fault of ours: the same would most likely come again at once."""
SUSPENDED: Final = "pool_suspended"
"""Key of the notice that stands while the host lets this node in no more, or gives it no work."""


@final
class Pool:
    """Used by one event loop. `running` makes it work; without it all calls but `join` answer."""

    def __init__(self, house: House, database: Database) -> None:
        self.house = house
        self._database = database
        self._bell = Bell()
        self._member: Member | None = None
        self._task: asyncio.Task[None] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._is_changing = asyncio.Lock()

    @property
    def member(self) -> "Member | None":
        """The membership at work; None where no pool is joined."""
        return self._member

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """The pool that was joined before is reached again inside the block."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if (current := self.house.memberships.current) is not None:
                await self._start(current)
            watching = group.create_task(self._tell_trouble(), name="pool notices")
            try:
                yield
            finally:
                watching.cancel()
                await self._stop(is_for_good=False)
                self._group = None

    async def join(self, text: str, *, name: str = "") -> None:
        """Become a member by an invite; returns when the host has answered, or is awaited.

        Raises: RequestError for an invite that is damaged or expired, while a member of another
        pool, and when the host says no.
        """
        async with self._is_changing:
            invite = read_invite(text, verify)
            house = self.house
            refuse_expired(invite, house.clock())
            current = house.memberships.current
            if current is not None and current.pool != invite.pool:
                raise RequestError(
                    f"this node is a member of {current.name or 'another pool'} already",
                    field="invite",
                    remedy="Leave it first: `athanor pool leave`.",
                )
            await self._stop(is_for_good=False)
            known = next((m for m in house.memberships.all() if m.pool == invite.pool), None)
            membership = Membership(
                pool=invite.pool,
                address=invite.address,
                name=known.name if known else "",
                account=known.account if known else "",
                device_name=name,
                invite=invite.secret,
                joined_at=house.clock(),
            )
            await house.memberships.keep(membership)
            member = await self._start(membership)
            await self._await_answer(member)

    async def leave(self) -> None:
        """End the membership: guests' jobs stop, their receipts are sent, and the host is told."""
        async with self._is_changing:
            house = self.house
            current = house.memberships.current
            if current is None:
                raise RequestError("this node is a member of no pool")
            await self._stop(is_for_good=True)
            current = house.memberships.current or current
            left_at = Microseconds(max(house.clock(), current.joined_at))
            await house.memberships.keep(replace(current, invite="", left_at=left_at))
            house.hub.publish(PoolLeft())
            house.hub.publish(NoticeCleared(key=SUSPENDED))

    async def rest(self) -> None:
        """The computer is about to sleep: the host hears of it before, and jobs go on elsewhere."""
        if self._member is not None:
            await self._member.rest()

    async def wake(self) -> None:
        """The computer slept: the host is reached anew and offered what is lent."""
        if self._member is not None:
            self._member.wake()

    async def receipts_of(self, pool: PoolId) -> PoolReceipts:
        """The chain of a pool, that of the current one as it is used now."""
        member = self._member
        if member is not None and member.membership.pool == pool:
            return member.kept
        return await PoolReceipts.open(self._database, pool)

    # --- parts ---

    async def _start(self, membership: Membership) -> "Member":
        from app.server.node.pool.member import Member  # noqa: PLC0415  # costs 12 MB

        assert self._group is not None, "a pool is joined while the node runs"
        kept = await PoolReceipts.open(self._database, membership.pool)
        member = self._member = Member(self.house, membership, kept)
        self._task = self._group.create_task(self._keep(member), name="pool")
        return member

    async def _keep(self, member: "Member") -> None:
        """The root of all that the pool does here: its faults end here, and it begins again."""
        # A stop in the middle of a fault is lost in it, so that being cancelled is not enough.
        while self._member is member:
            try:
                await member.run()
                return
            except Exception as error:
                # Words of users may be in an error's text: its kind and place alone are told.
                log.error("the pool's part failed: %s", _kinds(error))
            if self._member is member:
                await self._bell.wait(RESTART_SECONDS)

    async def _stop(self, *, is_for_good: bool) -> None:
        member, task = self._member, self._task
        self._member = self._task = None
        if member is None or task is None:
            return
        try:
            await member.leave(is_for_good=is_for_good)
        finally:
            # Also where whoever asks for it is gone: nobody else ends that task any more.
            task.cancel()
        await asyncio.wait({task})

    async def _await_answer(self, member: "Member") -> None:
        """Raises RequestError where the host says no; the membership is gone then."""
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await member.decided.wait()
        except TimeoutError:
            return
        shown = self.house.hub.state.pool
        if shown is None or shown.link != "refused":
            return
        await self._stop(is_for_good=True)
        membership = member.membership
        left_at = Microseconds(max(self.house.clock(), membership.joined_at))
        await self.house.memberships.keep(replace(membership, invite="", left_at=left_at))
        self.house.hub.publish(PoolLeft())
        raise RequestError(shown.trouble, field="invite", remedy=shown.remedy)

    async def _tell_trouble(self) -> None:
        """A notice while something of the pool needs the owner."""
        hub, said = self.house.hub, None
        while True:
            pool = hub.state.pool
            notice = trouble_of(pool) if pool is not None else None
            if notice != said:
                if said is not None:
                    hub.publish(NoticeCleared(key=said.key))
                if notice is not None:
                    hub.publish(NoticeRaised(notice=notice))
                said = notice
            await hub.bell.wait()


def trouble_of(pool: PoolState) -> Notice | None:
    """What the owner should know of the pool; None while all is well."""
    name = pool.name or pool.address
    if pool.link == "refused":
        return Notice(
            key=SUSPENDED,
            severity="warning",
            message=f"{name} does not let this node in: {pool.trouble}.",
            remedy=pool.remedy or "Ask who hosts it, or leave it: `athanor pool leave`.",
        )
    if pool.link != "connected" and pool.remedy:
        return Notice(
            key=SUSPENDED,
            severity="warning",
            message=f"{name} does not let this node in now: {pool.trouble}.",
            remedy=f"{pool.remedy} It asks again by itself.",
        )
    if pool.paused:
        return Notice(
            key=SUSPENDED,
            severity="warning",
            message=f"{name} gives this node no work: {pool.paused}.",
            remedy="It ends by itself. Ask who hosts the pool if you see no reason for it.",
        )
    if pool.disputes:
        return Notice(
            key="pool_books",
            severity="warning",
            message=f"The books of {name} do not agree with this node's.",
            remedy="`athanor credits verify` says where; keep an export of it.",
        )
    return None


def _kinds(error: BaseException) -> str:
    """The kinds of an error and of those within it."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(_kinds(each) for each in error.exceptions)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + place
