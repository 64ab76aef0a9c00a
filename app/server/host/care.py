"""Care: what the host does by itself from time to time.

Holds whose time is over are given back, at the start and then in rhythm; the head of the chain is
sworn to all members; members are told how they stand; old words and addresses are forgotten; the
books and receipts are audited at the start and once a day.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, final

from app.core.base.errors import Busy, DiskFull
from app.core.base.ids import DeviceId
from app.core.base.units import Microseconds
from app.core.ledger.accounts import user
from app.core.pool.standing import Standing as Judgement
from app.server.host.bugs import note_bug
from app.server.host.job_ports import Tell
from app.server.host.roster import Machine, Roster
from app.server.host.verdicts import Verdicts
from app.server.storage.books import Bookkeeper
from app.server.storage.database import DatabaseUnusable
from app.server.storage.idempotency import Idempotency
from app.server.storage.usage import Usage
from app.wire.pool import Standing

log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 30.0
SWEAR_SECONDS: Final = 60.0
STAND_SECONDS: Final = 30.0
FORGET_SECONDS: Final = 3600.0
AUDIT_SECONDS: Final = 24 * 3600.0


@final
class Care:
    """The host's own rounds. Used by one event loop."""

    def __init__(
        self,
        *,
        books: Bookkeeper,
        verdicts: Verdicts,
        roster: Roster,
        judgement: Judgement,
        idempotency: Idempotency,
        usage: Usage,
        tell: Tell,
        now: Callable[[], Microseconds],
        address_days: int,
        row_days: int,
    ) -> None:
        self._books, self._verdicts, self._roster = books, verdicts, roster
        self._judgement, self._idempotency, self._usage = judgement, idempotency, usage
        self._tell, self._now = tell, now
        self._address_days, self._row_days = address_days, row_days
        self.audit: Callable[[], Awaitable[object]] = _nothing
        """Audits the books, and keeps what it found for whoever asks."""
        self._due: asyncio.Queue[tuple[DeviceId, bool]] = asyncio.Queue()

    def greet(self, device: DeviceId) -> None:
        """A device has a new session: it is told how it stands, and what was sworn."""
        self._due.put_nowait((device, True))

    def warn(self, device: DeviceId) -> None:
        """Something is held against a device: it is told at once, and not at the next round."""
        self._due.put_nowait((device, False))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """At work inside the block. Holds of an earlier run that are over go first."""
        await self.sweep()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_round(SWEEP_SECONDS, self.sweep), name="sweep of holds"),
                group.create_task(_round(SWEAR_SECONDS, self.swear), name="checkpoints"),
                group.create_task(_round(STAND_SECONDS, self.stand), name="standings"),
                group.create_task(
                    _round(FORGET_SECONDS, self.forget, first=0.0), name="forgetting"
                ),
                group.create_task(
                    _round(AUDIT_SECONDS, self.audit, first=0.0),
                    name="audit of a day",
                ),
                group.create_task(self._keep_telling(), name="words to one member"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def sweep(self) -> None:
        """End holds and lots whose time has come."""
        swept = await self._books.sweep(self._now())
        if swept.holds or swept.lots:
            log.info("swept", extra={"holds": swept.holds, "lots": swept.lots})

    async def swear(self) -> None:
        """A checkpoint to everybody, if there is something new to swear."""
        sworn = await self._verdicts.swear()
        for machine in self._roster if sworn is not None else ():
            assert sworn is not None
            self._tell(machine.device, sworn)

    async def stand(self) -> None:
        """Everybody's standing."""
        for machine in self._roster:
            await self._tell_standing(machine)

    async def forget(self) -> None:
        """Words and rows that are old enough."""
        await self._idempotency.sweep()
        await self._usage.sweep(address_days=self._address_days, row_days=self._row_days)

    async def _keep_telling(self) -> None:
        while True:
            device, is_new = await self._due.get()
            machine = self._roster.get(device)
            if machine is None:
                continue
            try:
                if is_new and self._verdicts.checkpoint is not None:
                    self._tell(machine.device, self._verdicts.checkpoint)
                await self._tell_standing(machine)
            except Exception as error:  # the root of one member's words: see CATCHES_ALL
                note_bug("a member was not told how it stands", error, device=device[:12])

    async def _tell_standing(self, machine: Machine) -> None:
        now, account = self._now(), machine.account
        balance = await self._books.balance(user(account), now)
        skipped = dict(machine.skipped)
        machine.skipped.clear()
        standing = Standing(
            balance=balance.balance,
            held=balance.held,
            earned_today=await self._books.earned_in_day(user(account), now),
            skipped=skipped,
            paused=self._judgement.paused(machine.device, now),
            strikes=self._judgement.held_against(machine.device, now),
        )
        self._tell(machine.device, standing)


async def _nothing() -> None:
    """Nobody audits yet."""


async def _round(
    seconds: float, work: Callable[[], Awaitable[object]], *, first: float | None = None
) -> None:
    """Again and again, first after so long; a disk that is full or busy is tried the next time."""
    wait = seconds if first is None else first
    while True:
        await asyncio.sleep(wait)
        wait = seconds
        try:
            await work()
        except (DatabaseUnusable, DiskFull, Busy) as error:
            log.warning("the host's own rounds could not write", extra={"error": error.kind})
        except Exception as error:  # the root of one round: see CATCHES_ALL in tests/tidy/nevers.py
            note_bug("one of the host's own rounds ended by a bug", error)
