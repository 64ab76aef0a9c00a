"""Membership: which machines belong to which account, and in which circle two accounts stand.

A machine that is not known comes in by an invite, once; from then on its key is enough. Whatever
is wrong with an invite is one answer, so that nobody learns which ones there are.

Rule: a step that failed may be done again. The use of an invite and all that it makes are one
transaction; its credits come after it, under an id that is the same whenever the machine shows the
invite again.
"""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from hashlib import sha256
from typing import Final, final

from app.core.base.errors import LimitReached, RequestError
from app.core.base.ids import AccountId, DeviceId
from app.core.base.units import Micros
from app.core.pool.limits import Limit
from app.core.pool.naming import NAME_LENGTH_MAX, named
from app.server.host.access import Access
from app.server.host.turns import Turns
from app.server.storage.accounts import Account, Accounts
from app.server.storage.devices import Devices
from app.server.storage.invites import Invite, Invites
from app.wire.opening import Denied
from app.wire.pool import Circle

TRIED: Final = Limit("requests", "minute", 20)
"""Invites that one address may try."""

PAUSED_RETRY_SECONDS: Final = 300.0
"""A pause passes, and nobody can tell a machine that is not connected: it asks again by itself."""

_NAMES_TRIED: Final = 1000

Grant = Callable[[AccountId, Micros, str], Awaitable[None]]
"""Puts credits into the books: to whom, how much, and the id of the event."""


@final
class Membership:
    """The members of one host. Used by one event loop."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        devices: Devices,
        invites: Invites,
        access: Access,
        grant: Grant,
    ) -> None:
        self._accounts, self._devices, self._invites = accounts, devices, invites
        self._access, self._grant = access, grant
        self._turns = Turns[DeviceId]()

    async def admit(
        self, device: DeviceId, *, invite: str, name: str, address: str = ""
    ) -> Account | Denied:
        """The account of a machine that has proved its key, or why it may not come in.

        `invite` is the secret of one. A machine that is known needs none, and one that it shows is
        not used up; an invite of another account moves it there.
        """
        # A machine that comes twice at once finds the second time what it became the first.
        async with self._turns.of(device):
            account = self._account_of(device)
            if invite and (account is None or self._leads_elsewhere(invite, account)):
                denied = await self._join(device, invite, name=name, address=address)
                if denied is not None:
                    return denied
            await self._give(device, invite)
            if isinstance(self.standing(device), Account):
                await self._devices.rename(device, _machine(name))
            return self.standing(device)

    def standing(self, device: DeviceId) -> Account | Denied:
        """The account of a machine as it is now, or why it may not come in."""
        account = self._account_of(device)
        if account is None:
            return Denied(
                code="unknown_device",
                message="this machine does not belong to the pool",
                remedy="Join with an invite: `athanor pool join INVITE`.",
            )
        if account.state != "active":
            reason = f": {account.reason}" if account.reason else ""
            return Denied(
                code="paused",
                message=f"the account {account.name!r} is {account.state}{reason}",
                remedy="Ask the host of the pool about it.",
                # What is closed stays closed: such a machine need not come back by itself.
                retry_after_seconds=PAUSED_RETRY_SECONDS if account.state == "paused" else 0.0,
            )
        return account

    def circle(self, owner: AccountId, other: AccountId) -> Circle:
        """The narrowest circle around `owner` in which `other` stands.

        Asked both ways: whom a machine serves is the payer's circle around the machine's owner, and
        who may read a request is the owner's circle around the payer.
        """
        if owner == other:
            return "own"
        if self._accounts.are_friends(owner, other):
            return "friends"
        found = self._accounts.get(other)
        return "vetted" if found is not None and found.is_vetted else "anyone"

    def _leads_elsewhere(self, secret: str, account: Account) -> bool:
        invite = self._invites.find(secret)
        if invite is None or invite.kind == "account":
            return False
        if invite.kind == "friend":
            host = invite.account
            return host is not None and host != account.id and not self._accounts.are_friends(
                host, account.id
            )  # fmt: skip
        return invite.account != account.id

    def _account_of(self, device: DeviceId) -> Account | None:
        known = self._devices.account_of(device)
        return None if known is None else self._accounts.get(known)

    async def _join(
        self, device: DeviceId, secret: str, *, name: str, address: str
    ) -> Denied | None:
        """The machine becomes what the invite says, or why it does not."""
        try:
            if address:
                self._access.check_place(address, TRIED)
        except LimitReached as refused:
            return Denied(
                code="too_often",
                message="too many invites were tried from this address",
                remedy=refused.remedy,
                retry_after_seconds=refused.retry_after_seconds,
            )
        invite = self._invites.find(secret)
        if invite is None:
            return _USELESS
        host = None if invite.account is None else self._accounts.get(invite.account)
        if invite.account is not None and (host is None or host.state != "active"):
            return _USELESS
        account = host if invite.kind == "device" else self._account_of(device)
        account = account or self._accounts.get(_made_by(invite, device))
        if account is not None and account.state == "closed":
            return _USELESS  # what it once made here was closed for good
        with ExitStack() as stack:
            rows = [stack.enter_context(self._invites.using(secret))]
            if account is None:
                free = self._free_name(invite.name or _machine(name))
                making = self._accounts.making(free, _made_by(invite, device))
                account, _, made = stack.enter_context(making)
                rows += made
            if host is not None and host.id != account.id:
                rows += stack.enter_context(self._accounts.befriending(host.id, account.id))
            await self._devices.join(device, account.id, _machine(name), with_rows=rows)
        return None

    async def _give(self, device: DeviceId, secret: str) -> None:
        """The credits of an invite to the account that this machine made by it, once."""
        invite = self._invites.known(secret) if secret else None
        if invite is None or not invite.credits or invite.revoked_at is not None:
            return
        account = self._devices.account_of(device)
        if account == _made_by(invite, device):
            await self._grant(account, invite.credits, f"invite/{invite.id}/{account}")

    def _free_name(self, wished: str) -> str:
        """The name, with a number behind it where it is taken."""
        for number in range(1, _NAMES_TRIED):
            suffix = "" if number == 1 else f" {number}"
            name = wished[: NAME_LENGTH_MAX - len(suffix)] + suffix
            if self._accounts.find(name) is None:
                return name
        raise RequestError(f"name: there are too many accounts called {wished!r}", field="name")


_USELESS: Final = Denied(
    code="invite",
    message="the invite is not known, was used, has expired or was taken back",
    remedy="Ask whoever gave it to you for a new one.",
)


def _made_by(invite: Invite, device: DeviceId) -> AccountId:
    """The account that the machine gets by the invite, whenever it shows it."""
    return AccountId(f"acc_{sha256(f'{invite.id} {device}'.encode()).hexdigest()[:12]}")


def _machine(name: str) -> str:
    """What its owner calls the machine, as far as it can be shown."""
    try:
        return named("".join(letter for letter in name if letter.isprintable())[:NAME_LENGTH_MAX])
    except RequestError:
        return "a machine"
