"""Devices: the machines of a pool's members, and what was found wrong with their work."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Self, final

import msgspec
from msgspec.structs import replace

from app.core.base.ids import AccountId, DeviceId
from app.core.base.units import Microseconds
from app.core.pool.standing import Record
from app.server.storage.database import Database, Statement
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("devices")

STRIKES_SHOWN: Final = 100


@final
class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A machine by its key. It belongs to one account at a time."""

    id: DeviceId
    account: AccountId
    name: str
    joined_at: Microseconds
    removed_at: Microseconds | None = None


@final
class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """Something that no honest machine does, as it was told to the machine's owner."""

    device: DeviceId
    kind: str
    reason: str
    job: str
    at: Microseconds


@final
class Devices:
    """The devices of one host. Used by one event loop."""

    def __init__(self, database: Database, now: Callable[[], Microseconds]) -> None:
        self._database = database
        self._now = now
        self._devices: dict[DeviceId, Device] = {}

    @classmethod
    async def open(cls, database: Database, now: Callable[[], Microseconds]) -> Self:
        """Those of `database`, read into memory."""
        devices = cls(database, now)
        for row in await database.read(_SQL["all"]):
            fields = dict(zip(Device.__struct_fields__, row, strict=True))
            device = msgspec.convert(fields, Device)
            devices._devices[device.id] = device
        return devices

    def all(self) -> tuple[Device, ...]:
        """Every device, removed ones too, oldest first."""
        return tuple(self._devices.values())

    def get(self, device: DeviceId) -> Device | None:
        """The device of this key if it may connect."""
        found = self._devices.get(device)
        return found if found is not None and found.removed_at is None else None

    def account_of(self, device: DeviceId) -> AccountId | None:
        """Whose the device is, if it may connect."""
        found = self.get(device)
        return None if found is None else found.account

    def of(self, account: AccountId) -> tuple[Device, ...]:
        """The devices of an account that may connect."""
        return tuple(
            each
            for each in self._devices.values()
            if each.account == account and each.removed_at is None
        )

    async def join(
        self,
        device: DeviceId,
        account: AccountId,
        name: str,
        *,
        with_rows: Sequence[Statement] = (),
    ) -> Device:
        """The device belongs to `account` from now on, whatever was before.

        `with_rows` are written before it, all or none. Raises: Unwritable.
        """
        known = self.get(device)
        is_here = known is not None and known.account == account
        joined_at = known.joined_at if known is not None and is_here else self._now()
        joined = Device(id=device, account=account, name=name, joined_at=joined_at)
        row = (_SQL["join"], (device, account, name, joined_at))
        await self._database.write_all([*with_rows, row])
        self._devices[device] = joined
        return joined

    async def rename(self, device: DeviceId, name: str) -> None:
        """What its owner calls it now; a device that is not known is no harm."""
        found = self._devices.get(device)
        if found is None or found.name == name:
            return
        self._devices[device] = replace(found, name=name)
        await self._database.write(_SQL["rename"], name, device)

    async def remove(self, device: DeviceId) -> Device | None:
        """The device, which may not connect from now on; None when there is none."""
        found = self._devices.get(device)
        if found is None or found.removed_at is not None:
            return found
        found = replace(found, removed_at=self._now())
        # First in memory: should the disk fail, it is refused at least until a restart.
        self._devices[device] = found
        await self._database.write(_SQL["remove"], found.removed_at, device)
        return found

    async def forget(self, account: AccountId) -> None:
        """The account's machines may not connect, and what they were called is gone."""
        for device in self.all():
            if device.account == account:
                removed = device.removed_at or self._now()
                self._devices[device.id] = replace(device, name="forgotten", removed_at=removed)
                await self._database.write(_SQL["forget"], removed, device.id)

    # --- strikes -----------------------------------------------------------------------------

    async def strike(self, strike: Strike) -> None:
        """Remember what was wrong."""
        await self._database.write(
            _SQL["add_strike"],
            *(strike.device, strike.kind, strike.reason, strike.job, strike.at),
        )

    async def strikes(
        self, device: DeviceId | None = None, *, since: int = 0
    ) -> tuple[Strike, ...]:
        """The newest strikes, of one device or of all, newest first."""
        rows = await self._database.read(_SQL["newest_strikes"], device, since, STRIKES_SHOWN)
        return tuple(
            msgspec.convert(dict(zip(Strike.__struct_fields__, row, strict=True)), Strike)
            for row in rows
        )

    async def strike_counts(self, *, since: int) -> dict[DeviceId, int]:
        """How many strikes each device has, of all that there are; without those that have none."""
        rows = await self._database.read(_SQL["strike_counts"], since)
        return {DeviceId(str(device)): int(count or 0) for device, count in rows}

    async def forgive(self, device: DeviceId) -> int:
        """Forget a device's strikes; how many there were."""
        await self._database.write(_SQL["forget_standing"], device)
        return await self._database.write(_SQL["forgive"], device)

    async def keep_records(self, records: Mapping[DeviceId, Record]) -> None:
        """What is held against whom, for after a restart."""
        rows = [
            (device, msgspec.json.encode(record).decode())
            for device, record in records.items()
            if device in self._devices
        ]
        await self._database.write_many(_SQL["keep_standing"], rows)

    async def records(self) -> dict[DeviceId, Record]:
        """As they were kept; one that cannot be read is left out."""
        found = {}
        for device, text in await self._database.read(_SQL["all_standings"]):
            with suppress(msgspec.DecodeError):
                found[DeviceId(str(device))] = msgspec.json.decode(str(text), type=Record)
        return found
