"""KeysDesk: keys and invites of a pool, made, listed and taken back by its operator."""

from collections.abc import Callable
from typing import final

from app.core.base.errors import RequestError, UnknownHere
from app.core.base.ids import PoolId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.member.calendar import DAY_SECONDS
from app.core.pool import invite as invite_text
from app.core.pool.keys import Signer
from app.core.pool.naming import named
from app.server.host.accounts_desk import AccountsDesk
from app.server.host.pictures import invite_picture, key_picture
from app.server.storage.accounts import Accounts
from app.server.storage.invites import Invite, Invites
from app.server.storage.pool_keys import PoolKey, PoolKeys
from app.wire.opening import SOCKET_PATH
from app.wire.pool_keys import (
    InviteMade,
    InvitePicture,
    InviteRequest,
    PoolKeyMade,
    PoolKeyPicture,
    PoolKeyRequest,
)


@final
class KeysDesk:
    """Of one host. Used by one event loop."""

    def __init__(
        self,
        *,
        desk: AccountsDesk,
        accounts: Accounts,
        keys: PoolKeys,
        invites: Invites,
        signer: Signer,
        address: Callable[[], str],
        now: Callable[[], Microseconds],
    ) -> None:
        """`address` is where members and callers reach the host, such as http://pool:7118."""
        self._desk, self._accounts, self._keys, self._invites = desk, accounts, keys, invites
        self._signer, self._address, self._now = signer, address, now

    # --- keys --------------------------------------------------------------------------------

    def keys(self, account: str = "") -> tuple[PoolKeyPicture, ...]:
        """Every key, or those of one account by its id; oldest first."""
        pictures = []
        for key in self._keys.all():
            project = self._accounts.project(key.project)
            assert project is not None, "a key belongs to a project"
            if account in ("", project.account):
                pictures.append(self._key_picture(key))
        return tuple(pictures)

    async def make_key(self, request: PoolKeyRequest) -> PoolKeyMade:
        """A new key. Raises: UnknownHere; RequestError for a name that is none."""
        account = self._desk.find(request.account)
        project = self._desk.project_of(account, request.project)
        if account.state == "closed" or project.closed_at is not None:
            raise RequestError(
                f"the project {project.name!r} of {account.name!r} is closed", field="project"
            )
        made = await self._keys.create(
            project.id,
            request.name,
            scopes=request.scopes,
            expires_at=None if request.expires_days is None else self._in(request.expires_days),
        )
        return PoolKeyMade(
            key=self._key_picture(made.key), secret=made.secret, base_url=f"{self._address()}/v1"
        )

    async def revoke_key(self, key_id: str) -> PoolKeyPicture:
        """The key, from now on refused. Raises: UnknownHere."""
        key = await self._keys.revoke(key_id.removeprefix("athp_"))
        if key is None:
            raise UnknownHere(
                f"there is no key {key_id!r}", remedy="`athanor pool keys list` shows them."
            )
        return self._key_picture(key)

    # --- invites -----------------------------------------------------------------------------

    def invites(self) -> tuple[InvitePicture, ...]:
        """Every invite, newest first."""
        return tuple(self._invite_picture(each) for each in reversed(self._invites.all()))

    async def make_invite(self, request: InviteRequest, inviter: str) -> InviteMade:
        """A new invite; `inviter` is who invites, for people. Raises: UnknownHere; RequestError."""
        account = None if not request.account else self._desk.find(request.account)
        if request.kind != "account" and account is None:
            raise RequestError(
                f"account: an invite for a {request.kind} needs the account that invites",
                field="account",
            )
        address = _socket_address(self._address())
        if len(address.encode()) > invite_text.ADDRESS_BYTES_MAX:
            raise RequestError(
                "the address of this host is too long for an invite",
                remedy="Set pool_host.pool_url to a shorter one.",
            )
        made = await self._invites.create(
            request.kind,
            account=None if account is None else account.id,
            name=named(request.name) if request.name.strip() else "",
            credits=Micros(request.credits if request.kind != "device" else 0),
            uses_max=request.uses_max,
            expires_at=self._in(request.days),
        )
        invite = invite_text.Invite(
            pool=PoolId(self._signer.public),
            secret=made.secret,
            kind=request.kind,
            uses=request.uses_max,
            expires_at=made.invite.expires_at,
            address=address,
            name=_cut(inviter if account is None else account.name),
        )
        text = invite_text.write_invite(invite, self._signer)
        return InviteMade(
            invite=self._invite_picture(made.invite), text=text, qr=invite_text.qr_text(text)
        )

    async def revoke_invite(self, invite_id: str) -> InvitePicture:
        """The invite, useless from now on. Raises: UnknownHere."""
        invite = await self._invites.revoke(invite_id)
        if invite is None:
            raise UnknownHere(
                f"there is no invite {invite_id!r}",
                remedy="`athanor pool invites list` shows them.",
            )
        return self._invite_picture(invite)

    def _in(self, days: float) -> Microseconds:
        return Microseconds(self._now() + int(days * DAY_SECONDS) * SECOND)

    def _key_picture(self, key: PoolKey) -> PoolKeyPicture:
        project = self._accounts.project(key.project)
        assert project is not None, "a key belongs to a project"
        account = self._accounts.get(project.account)
        assert account is not None, "a project belongs to an account"
        return key_picture(key, account=account.name, project=project, now=self._now())

    def _invite_picture(self, invite: Invite) -> InvitePicture:
        account = None if invite.account is None else self._accounts.get(invite.account)
        name = "" if account is None else account.name
        return invite_picture(invite, account=name, now=self._now())


def _socket_address(address: str) -> str:
    """Where members connect: http becomes ws, https wss."""
    return "ws" + address.removeprefix("http").rstrip("/") + SOCKET_PATH


def _cut(name: str) -> str:
    """As much of a name as an invite has room for."""
    return name.encode()[: invite_text.NAME_BYTES_MAX].decode("utf-8", "ignore")
