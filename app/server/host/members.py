"""Members: what the host does with what its members say. See connections.Members for the calls."""

import logging
from collections.abc import Callable
from typing import Final, final

from app.core.base.errors import Busy, DiskFull
from app.core.base.ids import DeviceId, SessionId
from app.core.ledger.pricing import Shares
from app.core.pool.happenings import Proved
from app.core.pool.host_session import Terms
from app.core.pool.proofs import sealing_card
from app.server.host.asks import Asks
from app.server.host.dispatch import Dispatch
from app.server.host.jobs import Jobs
from app.server.host.market import Market
from app.server.host.membership import Membership
from app.server.host.roster import Roster
from app.server.host.verdicts import Verdicts
from app.server.storage.accounts import Account
from app.server.storage.database import DatabaseUnusable
from app.server.storage.devices import Devices
from app.wire.message import Message
from app.wire.opening import Denied, OverCode
from app.wire.pool import (
    Accepted,
    Ask,
    CancelAsk,
    Chunk,
    Counted,
    Finished,
    GoingAway,
    Heartbeat,
    Look,
    Register,
    Rejected,
)

log = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 60.0
"""A disk that is full or broken takes somebody to see to it."""


@final
class Members:
    """The ear of the connections. Used by one event loop."""

    def __init__(
        self,
        *,
        membership: Membership,
        devices: Devices,
        roster: Roster,
        dispatch: Dispatch,
        jobs: Jobs,
        asks: Asks,
        market: Market,
        verdicts: Verdicts,
        shares: Callable[[], Shares],
        tell: Callable[[DeviceId, Message], bool],
        pool_name: str,
        heartbeat_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._membership, self._devices = membership, devices
        self._roster, self._dispatch, self._jobs = roster, dispatch, jobs
        self._asks, self._market, self._verdicts = asks, market, verdicts
        self._shares, self._tell, self._pool_name = shares, tell, pool_name
        self._heartbeat, self._grace = heartbeat_seconds, grace_seconds
        self.on_joined: Callable[[DeviceId], None] = _nobody_asks
        """Called when a device has a new session: what it should know is told then."""

    async def admit(self, proved: Proved, address: str) -> Terms | Denied:
        """Whether a device that proved its key may come in, and on which terms."""
        try:
            account = await self._membership.admit(
                proved.device, invite=proved.invite, name=proved.hello.name, address=address
            )
        except (DatabaseUnusable, DiskFull, Busy) as error:
            seconds = error.retry_after_seconds if isinstance(error, Busy) else _AGAIN_SECONDS
            return Denied(
                code="too_often",
                message=error.message,
                remedy=error.remedy,
                retry_after_seconds=seconds,
            )
        if not isinstance(account, Account):
            return account
        count, head = await self._verdicts.device_head(proved.device)
        # Whoever was paused or removed meanwhile had no session yet that could be ended.
        account = self._membership.standing(proved.device)
        if not isinstance(account, Account):
            return account
        return Terms(
            pool_name=self._pool_name,
            account=account.name,
            fee_percent=self._shares().fee + self._shares().fund,
            heartbeat_seconds=self._heartbeat,
            grace_seconds=self._grace,
            receipts=count,
            receipt_hash=head,
        )

    def joined(self, proved: Proved, session: SessionId) -> None:
        """A new session of the device is open."""
        device = self._devices.get(proved.device)
        assert device is not None, "who was admitted is on the list"
        self._roster.joined(
            proved.device,
            device.account,
            device.name,
            sealing_card=sealing_card(proved.sealing_key, proved.sealing_signature),
            program=proved.hello.program[:_PROGRAM_MAX],
        )
        log.info("a member is here", extra={"device": proved.device[:12], "session": session[:8]})
        self.on_joined(proved.device)

    def on_frame(self, device: DeviceId, frame: Message) -> None:
        """A frame, once and in order."""
        match frame:
            case Accepted() | Rejected() | Chunk() | Finished():
                self._jobs.heard(device, frame)
            case Register():
                self._roster.registered(device, frame)
            case Heartbeat():
                self._roster.heard(device, frame)
                self._verdicts.shown(frame.checkpoint)
            case GoingAway():
                self._roster.going_away(device, frame)
            case Ask():
                self._asks.ask(device, frame)
            case CancelAsk():
                self._asks.cancel(device, frame)
            case Counted():
                self._asks.counted(device, frame)
            case Look():
                machine = self._roster.get(device)
                if machine is not None:
                    self._tell(device, self._market.frame(machine.account))
            case _:
                log.debug("a frame of no use", extra={"frame": type(frame).__name__})

    def left(self, device: DeviceId, code: OverCode) -> None:
        """The device's session is over, and the jobs that ran over it are lost."""
        self._roster.left(device)
        self._dispatch.standing.gone(device)
        self._jobs.worker_gone(device)
        self._asks.left(device)
        self._verdicts.forget_device(device)


_PROGRAM_MAX: Final = 40


def _nobody_asks(_: DeviceId) -> None:
    """Nothing is told yet."""
