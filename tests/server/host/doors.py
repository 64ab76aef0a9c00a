"""The door of a host on a real database, with a clock that the test moves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from app.core.base.errors import Busy
from app.core.base.ids import AccountId
from app.core.base.units import Micros
from app.server.host.access import Access, DefaultLimits
from app.server.host.limiter import Limiter
from app.server.host.membership import Membership
from app.server.host.usage import Reporting
from app.server.storage.accounts import Accounts
from app.server.storage.database import Database
from app.server.storage.devices import Devices
from app.server.storage.invites import Invites
from app.server.storage.limits import Limits
from app.server.storage.pool_keys import PoolKeys
from app.server.storage.usage import Usage
from tests.server.storage.host import Clock, with_host


@dataclass
class Door:
    """All that decides who may do what."""

    clock: Clock
    accounts: Accounts
    keys: PoolKeys
    devices: Devices
    limits: Limits
    invites: Invites
    limiter: Limiter
    access: Access
    membership: Membership
    usage: Usage
    reporting: Reporting
    database: Database
    granted: dict[str, tuple[AccountId, Micros]] = field(default_factory=dict)
    """What invites gave, by the id of the event."""
    books_are_full: bool = False

    @classmethod
    async def open(cls, database: Database, clock: Clock, defaults: DefaultLimits) -> Self:
        accounts, devices = (
            await Accounts.open(database, clock),
            await Devices.open(database, clock),
        )
        keys, limits = await PoolKeys.open(database, clock), await Limits.open(database)
        invites, usage = await Invites.open(database, clock), Usage(database, clock)
        limiter, reporting = Limiter(clock), Reporting(usage, clock)
        await reporting.fill(limiter)
        access = Access(
            accounts=accounts, keys=keys, devices=devices, limits=limits, limiter=limiter,
            now=clock, defaults=defaults,
        )  # fmt: skip

        async def grant(account: AccountId, amount: Micros, event: str) -> None:
            if door.books_are_full:
                raise Busy("the disk is full", retry_after_seconds=1)
            door.granted.setdefault(event, (account, amount))

        membership = Membership(
            accounts=accounts, devices=devices, invites=invites, access=access, grant=grant
        )
        door = cls(clock, accounts, keys, devices, limits, invites, limiter, access, membership,
                   usage, reporting, database)  # fmt: skip
        return door

    async def key(self, name: str = "anna") -> str:
        """The secret of a new account's key."""
        _, project = await self.accounts.create(name)
        return (await self.keys.create(project.id, "laptop")).secret


def with_door(
    folder: Path,
    act: Callable[[Door], Awaitable[None]],
    defaults: DefaultLimits | None = None,
) -> None:
    """Run `act` with a door whose files are in `folder`."""

    async def run(database: Database, clock: Clock) -> None:
        await act(await Door.open(database, clock, defaults or DefaultLimits()))

    with_host(folder, run)
