"""AccountsDesk: what a pool's operator does with accounts, projects, friends, limits and credits.

The terminal and the pages ask the same things here. Whoever is meant may be named by name or id.
"""

import secrets
from collections.abc import Callable
from typing import Final, Literal, final

from app.core.base.errors import RequestConflict, RequestError, UnknownHere
from app.core.base.ids import AccountId, DeviceId, ProjectId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import FUND, MINT, SALES, user
from app.core.ledger.commands import Clawback, EventId, LotId, Transfer
from app.core.ledger.result import Result
from app.core.member.calendar import DAY_SECONDS
from app.core.member.credits import credits_words
from app.core.pool.limits import Limit
from app.server.host.access import Access
from app.server.host.limiter import Limiter
from app.server.host.pictures import account_picture, limit_pictures, project_picture
from app.server.host.usage import begin_limit
from app.server.storage.accounts import Account, Accounts, Project
from app.server.storage.books import Bookkeeper
from app.server.storage.devices import Devices
from app.server.storage.invites import Invites
from app.server.storage.limits import LimitKind, Limits
from app.server.storage.pool_keys import PoolKeys
from app.server.storage.usage import Usage
from app.wire.pool_admin import (
    AccountChange,
    AccountPicture,
    ClawbackAnswer,
    ClawbackRequest,
    FriendRequest,
    GrantAnswer,
    GrantRequest,
    LimitList,
    LimitPicture,
    LimitRequest,
    ProjectPicture,
)

_PAYERS: Final = {"granted": MINT, "bought": SALES, "refunded": FUND}
"""Out of which of the pool's own accounts credits come, by their source."""


@final
class AccountsDesk:
    """Of one host. Used by one event loop."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        keys: PoolKeys,
        devices: Devices,
        limits: Limits,
        invites: Invites,
        access: Access,
        limiter: Limiter,
        usage: Usage,
        books: Bookkeeper,
        now: Callable[[], Microseconds],
    ) -> None:
        self._accounts, self._keys, self._devices = accounts, keys, devices
        self._limits, self._access, self._books, self._now = limits, access, books, now
        self._limiter, self._usage, self._invites = limiter, usage, invites
        self.end_session: Callable[[DeviceId, str], None] = _nothing
        """Ends the connection of a machine, and says why."""

    # --- accounts ----------------------------------------------------------------------------

    def find(self, name_or_id: str) -> Account:
        """The account that is meant. Raises: UnknownHere."""
        found = self._accounts.find(name_or_id)
        if found is None:
            raise UnknownHere(
                f"there is no account {name_or_id!r}",
                remedy="`athanor pool accounts list` shows them.",
            )
        return found

    async def all(self) -> tuple[AccountPicture, ...]:
        """Every account with its balance, oldest first."""
        balances = dict(await self._books.balances("user", self._now()))
        owed = dict(await self._books.balances("debt", self._now()))
        pictures = []
        for account in self._accounts.all():
            balance = balances.get(user(account.id))
            if balance is None and owed:
                balance = await self._books.balance(user(account.id), self._now())
            pictures.append(
                account_picture(
                    account,
                    balance,
                    machines=len(self._devices.of(account.id)),
                    keys=len(self._live_keys(account.id)),
                )
            )
        return tuple(pictures)

    async def one(self, account: Account) -> AccountPicture:
        """One of them."""
        return account_picture(
            account,
            await self._books.balance(user(account.id), self._now()),
            machines=len(self._devices.of(account.id)),
            keys=len(self._live_keys(account.id)),
        )

    async def create(self, name: str) -> AccountPicture:
        """A new account. Raises: RequestError for a name that is none or is taken."""
        account, _ = await self._accounts.create(name)
        return await self.one(account)

    async def change(self, name_or_id: str, change: AccountChange) -> AccountPicture:
        """The account as it is then. Raises: UnknownHere; RequestError for a closed one."""
        account = await self._accounts.change(
            self.find(name_or_id).id,
            state=change.state,
            reason="" if change.state == "active" else change.reason.strip(),
            is_vetted=change.is_vetted,
            weight=change.weight,
        )
        if account.state != "active":
            reason = f": {account.reason}" if account.reason else ""
            for device in self._devices.of(account.id):
                self.end_session(device.id, f"the account is {account.state}{reason}")
        return await self.one(account)

    async def forget(self, name_or_id: str) -> AccountPicture:
        """The account closed for good, and all that says who it was dropped: names, friends, rows
        of usage, addresses. Books and receipts stay whole, under an id that names nobody.

        Raises: UnknownHere.
        """
        account = self.find(name_or_id)
        devices = self._devices.of(account.id)
        forgotten = await self._accounts.forget(account.id)
        for device in devices:
            self.end_session(device.id, "the account is closed")
        await self._devices.forget(account.id)
        await self._invites.forget(account.id, account.name)
        await self._keys.forget({each.id for each in self._accounts.projects(account.id)})
        await self._usage.forget(account.id)
        return await self.one(forgotten)

    # --- credits -----------------------------------------------------------------------------

    async def grant(self, request: GrantRequest) -> GrantAnswer:
        """Put credits into an account; with the same id once, however often it is asked.

        Raises: UnknownHere; RequestConflict for an id that was used for another grant.
        """
        account, now = self.find(request.account), self._now()
        name = request.id.strip() or secrets.token_hex(8)
        expires = (
            None
            if request.expires_days is None
            else Microseconds(now + request.expires_days * DAY_SECONDS * SECOND)
        )
        result = await self._transfer(
            account.id,
            Micros(request.amount),
            request.source,
            event=_grant_event(name),
            about=request.reason.strip(),
            expires_at=expires,
        )
        return GrantAnswer(
            account=await self.one(account),
            amount=request.amount,
            id=name,
            is_new=result is Result.DONE,
        )

    async def claw_back(self, request: ClawbackRequest) -> ClawbackAnswer:
        """Take back what a grant gave; what was spent of it becomes a debt of its account.

        Raises: UnknownHere for a grant that never was; RequestError where it gave less;
        RequestConflict for an id that was used for another amount.
        """
        lot = await self._books.lot(LotId(_grant_event(request.grant)))
        if lot is None:
            raise UnknownHere(
                f"there is no grant {request.grant!r}",
                remedy="`athanor pool grant` prints the id of a grant when it is made.",
            )
        name = request.id.strip() or request.grant
        left = lot.received - lot.returned
        amount = left if request.amount is None else request.amount
        account = self.find(lot.account.owner)
        if request.amount is None and not left:
            return ClawbackAnswer(account=await self.one(account), amount=0, id=name, is_new=False)
        outcome = await self._books.submit(
            Clawback(
                id=EventId(f"clawback/{name}"),
                at=self._now(),
                lot=lot.id,
                amount=Micros(amount),
                about=request.reason.strip(),
            )
        )
        if outcome.result is Result.EXISTS_WITH_DIFFERENT_FIELDS:
            raise RequestConflict(
                f"clawback/{name} is in the books already, with another amount or grant",
                remedy="Give this one an id of its own.",
            )
        if not outcome.result.is_in_books:
            raise RequestError(
                f"amount: of the grant {request.grant}, {credits_words(Micros(left))} are left",
                field="amount",
            )
        return ClawbackAnswer(
            account=await self.one(account),
            amount=amount,
            id=name,
            is_new=outcome.result is Result.DONE,
        )

    async def credits_by_source(self, account: Account) -> dict[str, int]:
        """What an account has, by where it came from."""
        found: dict[str, int] = {}
        for lot in await self._books.lots(user(account.id)):
            found[lot.source] = found.get(lot.source, 0) + lot.balance
        return found

    async def grant_once(self, account: AccountId, amount: Micros, event: str) -> None:
        """What an invite gives to an account that it made."""
        await self._transfer(account, amount, "granted", event=event, about="invite")

    async def _transfer(
        self,
        account: AccountId,
        amount: Micros,
        source: Literal["granted", "bought", "refunded"],
        *,
        event: str,
        about: str,
        expires_at: Microseconds | None = None,
    ) -> Result:
        outcome = await self._books.submit(
            Transfer(
                id=EventId(event),
                at=self._now(),
                payer=_PAYERS[source],
                payee=user(account),
                amount=amount,
                source=source,
                expires_at=expires_at,
                # What was given for nothing is to be spent here, not to be passed on.
                is_transferable=source == "bought",
                about=about,
            )
        )
        if outcome.result is Result.EXISTS_WITH_DIFFERENT_FIELDS:
            raise RequestConflict(
                f"{event} is in the books already, with another amount or account",
                remedy="Give the new grant an id of its own, or none.",
            )
        if not outcome.result.is_in_books:
            word = outcome.result.name.lower().replace("_", " ")
            raise RequestError(f"the books refuse this grant: {word}", field="amount")
        return outcome.result

    # --- projects and friends ----------------------------------------------------------------

    def project_of(self, account: Account, name_or_id: str) -> Project:
        """An account's project. Raises: UnknownHere."""
        found = self._accounts.find_project(account.id, name_or_id)
        if found is None:
            names = ", ".join(each.name for each in self._accounts.projects(account.id))
            raise UnknownHere(
                f"the account {account.name!r} has no project {name_or_id!r}",
                remedy=f"It has: {names}.",
            )
        return found

    def projects(self, account: Account) -> tuple[ProjectPicture, ...]:
        """Those of an account."""
        return tuple(map(project_picture, self._accounts.projects(account.id)))

    async def create_project(self, name_or_id: str, name: str) -> ProjectPicture:
        """A new project. Raises: UnknownHere; RequestError."""
        account = self.find(name_or_id)
        return project_picture(await self._accounts.create_project(account.id, name))

    async def close_project(self, project: str) -> ProjectPicture:
        """The project, closed for good. Raises: UnknownHere."""
        if self._accounts.project(ProjectId(project)) is None:
            raise UnknownHere(f"there is no project {project!r}")
        return project_picture(await self._accounts.close_project(ProjectId(project)))

    def friends(self, account: Account) -> tuple[str, ...]:
        """Their names."""
        return tuple(friend.name for friend in self._accounts.friends(account.id))

    async def set_friends(self, request: FriendRequest) -> Account:
        """Two accounts serve each other as friends from now on, or no longer.

        Raises: UnknownHere; RequestError for one and the same account.
        """
        one, other = self.find(request.account), self.find(request.friend)
        if one.id == other.id:
            raise RequestError("an account is not a friend of itself", field="friend")
        if request.is_friend:
            await self._accounts.befriend(one.id, other.id)
        else:
            await self._accounts.part(one.id, other.id)
        return one

    # --- limits ------------------------------------------------------------------------------

    def limits_of(self, kind: LimitKind, subject: str) -> tuple[LimitPicture, ...]:
        """Those that hold, and how full they are."""
        return limit_pictures(self._access.uses_of(kind, subject))

    async def set_limit(self, request: LimitRequest) -> LimitList:
        """The limits of that key, project or account as they are then. Raises: UnknownHere."""
        subject = self._subject(request.subject, request.id)
        if request.amount is None:
            await self._limits.clear(request.subject, subject, request.measure, request.period)
        else:
            await self._set(
                request.subject, subject, Limit(request.measure, request.period, request.amount)
            )
        return self.limits(request.subject, subject)

    async def _set(self, kind: LimitKind, subject: str, limit: Limit) -> None:
        known = {(each.measure, each.period) for each in self._limits.of(kind, subject)}
        if (limit.measure, limit.period) not in known:
            await begin_limit(self._usage, self._limiter, kind, subject, limit, now=self._now())
        await self._limits.set(kind, subject, limit)

    def limits(self, kind: LimitKind, name: str) -> LimitList:
        """The limits of a key, project or account. Raises: UnknownHere."""
        subject = self._subject(kind, name)
        return LimitList(subject=kind, id=subject, limits=self.limits_of(kind, subject))

    def _subject(self, kind: LimitKind, name: str) -> str:
        """The id of whom a limit is for."""
        if kind == "account":
            return self.find(name).id
        if kind == "project" and self._accounts.project(ProjectId(name)) is not None:
            return name
        if kind == "key" and self._keys.get(name) is not None:
            return name
        raise UnknownHere(f"there is no {kind} {name!r}")

    def _live_keys(self, account: AccountId) -> list[str]:
        projects = {each.id for each in self._accounts.projects(account) if each.closed_at is None}
        now = self._now()
        return [key.id for key in self._keys.all() if key.project in projects and key.is_live(now)]


def _grant_event(name: str) -> str:
    """Under which id a grant is in the books; its lot has the same."""
    return f"grant/{name}"


def _nothing(_: DeviceId, __: str) -> None:
    """No machine is connected yet."""
