"""Host calls: what the operator of a pool asks its host, as typed calls of the client."""

from urllib.parse import quote, urlencode

from app.client.call import Call
from app.wire.pool_admin import (
    AccountChange,
    AccountDetail,
    AccountList,
    AccountPicture,
    AccountRequest,
    AuditPicture,
    ClawbackAnswer,
    ClawbackRequest,
    FriendRequest,
    GrantAnswer,
    GrantRequest,
    HostPicture,
    LimitList,
    LimitRequest,
    LimitSubject,
    MachineList,
    MachinePicture,
    OfferList,
    ProjectPicture,
    ProjectRequest,
    RequestList,
    UsageBy,
    UsageReport,
)
from app.wire.pool_keys import (
    InviteList,
    InviteMade,
    InvitePicture,
    InviteRequest,
    PoolKeyList,
    PoolKeyMade,
    PoolKeyPicture,
    PoolKeyRequest,
)

_ROOT = "/local/host"


class HostCalls:
    """Part of Client. Only a host of a pool answers these."""

    _call: Call

    def hosted(self) -> HostPicture:
        """The pool in a few figures."""
        return self._call("GET", _ROOT, HostPicture)

    def pool_accounts(self) -> tuple[AccountPicture, ...]:
        """Every account, oldest first."""
        return self._call("GET", f"{_ROOT}/accounts", AccountList).accounts

    def pool_account(self, name: str) -> AccountDetail:
        """One account by name or id."""
        return self._call("GET", f"{_ROOT}/accounts/{_part(name)}", AccountDetail)

    def make_pool_account(self, name: str) -> AccountPicture:
        """A new account."""
        request = AccountRequest(name=name)
        return self._call("POST", f"{_ROOT}/accounts", AccountPicture, request)

    def change_pool_account(self, name: str, change: AccountChange) -> AccountPicture:
        """The account as it is then."""
        return self._call("PATCH", f"{_ROOT}/accounts/{_part(name)}", AccountPicture, change)

    def forget_pool_account(self, name: str) -> AccountPicture:
        """The account, closed and without all that says who it was."""
        return self._call("DELETE", f"{_ROOT}/accounts/{_part(name)}", AccountPicture)

    def grant(self, request: GrantRequest) -> GrantAnswer:
        """Returns when it is in the books."""
        return self._call("POST", f"{_ROOT}/grants", GrantAnswer, request)

    def claw_back(self, request: ClawbackRequest) -> ClawbackAnswer:
        """Returns when it is in the books."""
        return self._call("POST", f"{_ROOT}/clawbacks", ClawbackAnswer, request)

    def make_project(self, account: str, name: str) -> ProjectPicture:
        """A new project of an account."""
        request = ProjectRequest(account=account, name=name)
        return self._call("POST", f"{_ROOT}/projects", ProjectPicture, request)

    def close_project(self, project: str) -> ProjectPicture:
        """The project, closed for good."""
        return self._call("DELETE", f"{_ROOT}/projects/{_part(project)}", ProjectPicture)

    def set_friends(self, request: FriendRequest) -> AccountDetail:
        """Two accounts serve each other as friends, or no longer."""
        return self._call("POST", f"{_ROOT}/friends", AccountDetail, request)

    def set_limit(self, request: LimitRequest) -> LimitList:
        """All limits of that key, project or account then."""
        return self._call("PUT", f"{_ROOT}/limits", LimitList, request)

    def limits_of(self, subject: LimitSubject, name: str) -> LimitList:
        """The limits of a key, project or account, and how full they are."""
        return self._call("GET", f"{_ROOT}/limits/{subject}/{_part(name)}", LimitList)

    def pool_keys(self) -> tuple[PoolKeyPicture, ...]:
        """Every key, oldest first."""
        return self._call("GET", f"{_ROOT}/keys", PoolKeyList).keys

    def make_pool_key(self, request: PoolKeyRequest) -> PoolKeyMade:
        """A new key, with the only sight of it."""
        return self._call("POST", f"{_ROOT}/keys", PoolKeyMade, request)

    def revoke_pool_key(self, key: str) -> PoolKeyPicture:
        """The key, from now on refused."""
        return self._call("DELETE", f"{_ROOT}/keys/{_part(key)}", PoolKeyPicture)

    def invites(self) -> tuple[InvitePicture, ...]:
        """Every invite, newest first."""
        return self._call("GET", f"{_ROOT}/invites", InviteList).invites

    def make_invite(self, request: InviteRequest) -> InviteMade:
        """A new invite, with the only sight of its text."""
        return self._call("POST", f"{_ROOT}/invites", InviteMade, request)

    def revoke_invite(self, invite: str) -> InvitePicture:
        """The invite, useless from now on."""
        return self._call("DELETE", f"{_ROOT}/invites/{_part(invite)}", InvitePicture)

    def machines(self) -> MachineList:
        """Every machine of the pool, connected ones first."""
        return self._call("GET", f"{_ROOT}/machines", MachineList)

    def remove_machine(self, machine: str) -> MachinePicture:
        """The machine, which may not come back without an invite."""
        return self._call("DELETE", f"{_ROOT}/machines/{_part(machine)}", MachinePicture)

    def forgive_machine(self, machine: str) -> MachinePicture:
        """The machine, against which nothing is held any more."""
        return self._call("POST", f"{_ROOT}/machines/{_part(machine)}/forgive", MachinePicture)

    def pool_offers(self) -> OfferList:
        """What the pool offers, and who serves it."""
        return self._call("GET", f"{_ROOT}/models", OfferList)

    def reread_prices(self) -> OfferList:
        """What the pool offers after prices.toml was read again."""
        return self._call("POST", f"{_ROOT}/models", OfferList, is_patient=True)

    def pool_usage(self, by: UsageBy, days: int) -> UsageReport:
        """What was used, dearest first."""
        return self._call("GET", f"{_ROOT}/usage?{urlencode({'by': by, 'days': days})}",
                          UsageReport)  # fmt: skip

    def pool_requests(self, request: str = "") -> RequestList:
        """The jobs of that x-request-id or job id, or the newest. Raises: not_found."""
        query = urlencode({"id": request})
        return self._call("GET", f"{_ROOT}/requests?{query}", RequestList)

    def audit(self) -> AuditPicture:
        """Returns when every balance was rebuilt: a minute for many years of jobs."""
        return self._call("POST", f"{_ROOT}/audit", AuditPicture, is_patient=True)


def _part(name: str) -> str:
    return quote(name, safe="")
