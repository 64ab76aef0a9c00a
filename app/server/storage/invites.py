"""Invites: by which machines, friends and new accounts come into a pool.

What travels is a text with a secret in it (core/pool/invite); here is its SHA-256, how often it may
be used, and until when. Several may come with the same invite at once: each use is counted in
memory before anything is made of it, and on the disk with what is made, so none is given twice or
lost.
"""

import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, Self, final

import msgspec
from msgspec.structs import replace

from app.core.base.ids import AccountId
from app.core.base.units import Micros, Microseconds
from app.core.pool.pool_key import digest_of
from app.server.storage.database import Database, Statement
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("invites")

InviteKind = Literal["account", "device", "friend"]
"""account: makes one for whoever comes. device: one more machine of an account. friend: an account
whose machines serve the inviting one's, and the other way round."""


NOTHING: Final = Micros(0)


@final
class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """An invite as it is stored, without its secret."""

    id: str
    kind: InviteKind
    account: AccountId | None = None
    """Who gets the machine or the friend; None: the operator invites."""
    name: str = ""
    """Of the account that it makes; "" takes the machine's name."""
    credits: Micros = NOTHING
    """Granted to an account that it makes, each time."""
    uses_max: int = 1
    uses: int = 0
    made_at: Microseconds
    expires_at: Microseconds
    revoked_at: Microseconds | None = None

    def is_live(self, now: Microseconds) -> bool:
        """Whether it can be used once more."""
        return self.revoked_at is None and now < self.expires_at and self.uses < self.uses_max


@final
class NewInvite(msgspec.Struct, frozen=True, kw_only=True):
    """An invite just made; the only time that its secret is seen."""

    invite: Invite
    secret: str

    def __repr__(self) -> str:
        return f"<NewInvite {self.invite.id}>"

    __str__ = __repr__


@final
class Invites:
    """The invites of one host. Used by one event loop."""

    def __init__(self, database: Database, now: Callable[[], Microseconds]) -> None:
        self._database = database
        self._now = now
        self._invites: dict[bytes, Invite] = {}

    @classmethod
    async def open(cls, database: Database, now: Callable[[], Microseconds]) -> Self:
        """Those of `database`, read into memory."""
        invites = cls(database, now)
        for digest, *row in await database.read(_SQL["all"]):
            fields = dict(zip(Invite.__struct_fields__, row, strict=True))
            assert isinstance(digest, bytes)
            invites._invites[digest] = msgspec.convert(fields, Invite)
        return invites

    def all(self) -> tuple[Invite, ...]:
        """Every invite, oldest first."""
        return tuple(self._invites.values())

    async def create(
        self,
        kind: InviteKind,
        *,
        account: AccountId | None,
        expires_at: Microseconds,
        name: str = "",
        credits: Micros = NOTHING,
        uses_max: int = 1,
    ) -> NewInvite:
        """A new invite, stored."""
        assert kind == "account" or account is not None, "a machine and a friend come to somebody"
        invite = Invite(
            id=f"inv_{secrets.token_hex(6)}",
            kind=kind,
            account=account,
            name=name,
            credits=credits,
            uses_max=uses_max,
            made_at=self._now(),
            expires_at=expires_at,
        )
        secret = secrets.token_hex(16)
        digest = digest_of(secret)
        await self._database.write(
            _SQL["add"],
            *(invite.id, digest, kind, account, name, credits, uses_max),
            *(invite.made_at, expires_at),
        )
        self._invites[digest] = invite
        return NewInvite(invite=invite, secret=secret)

    def find(self, secret: str) -> Invite | None:
        """The live invite with this secret; None for any other text. Constant time in it."""
        found = self.known(secret)
        return found if found is not None and found.is_live(self._now()) else None

    def known(self, secret: str) -> Invite | None:
        """The same of one that need not be live any more."""
        presented, found = digest_of(secret), None
        for digest, invite in self._invites.items():
            if hmac.compare_digest(digest, presented):
                found = invite
        return found

    @contextmanager
    def using(self, secret: str) -> Iterator[Statement]:
        """One use less of a live invite: inside the block, what counts it is to be written with
        what is made of it. Given back where the block raises.
        """
        invite = self.find(secret)
        assert invite is not None, "who has no live invite was told so"
        # In memory first: two who come at once must not both have the last use.
        self._count(secret, 1)
        try:
            yield _SQL["use"], (invite.id,)
        except BaseException:
            self._count(secret, -1)
            raise

    def _count(self, secret: str, uses: int) -> None:
        invite = self._invites[digest_of(secret)]
        self._invites[digest_of(secret)] = replace(invite, uses=invite.uses + uses)

    async def forget(self, account: AccountId, name: str) -> None:
        """Invites of the account are useless, and none says the name any more."""
        now = self._now()
        gone = {
            digest: replace(invite, name="", revoked_at=invite.revoked_at or now)
            for digest, invite in self._invites.items()
            if invite.account == account or invite.name == name
        }
        # First in memory, all at once: while they are written another one may be made.
        self._invites |= gone
        rows = [(each.revoked_at, each.id) for each in gone.values()]
        await self._database.write_many(_SQL["forget"], rows)

    async def revoke(self, invite_id: str) -> Invite | None:
        """The invite, useless from now on; None when there is none. Revoking twice is once."""
        for digest, invite in self._invites.items():
            if invite.id == invite_id:
                if invite.revoked_at is None:
                    invite = replace(invite, revoked_at=self._now())  # noqa: PLW2901  # the newer
                    self._invites[digest] = invite
                    await self._database.write(_SQL["revoke"], invite.revoked_at, invite_id)
                return invite
        return None
