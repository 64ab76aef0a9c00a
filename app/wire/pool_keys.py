"""Keys and invites of a pool in the local API of its host: see wire/pool_admin.py."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PoolKeyScope = Literal["inference", "billing", "metrics"]
InviteFor = Literal["account", "device", "friend"]

MICROS_MAX = 10**15
"""A thousand million credits: above it somebody typed too many zeros."""

Micros = Annotated[int, Meta(ge=0, le=MICROS_MAX)]


class AdminMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Base of these Structs. Defaults are written out: scripts read this JSON."""


class PoolKeyPicture(AdminMessage, frozen=True, kw_only=True):
    """A key as it is stored: never its secret."""

    id: str
    name: str
    shown: str
    """Its beginning."""
    account: str
    """By name."""
    project: str
    """By name."""
    scopes: tuple[PoolKeyScope, ...]
    made_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None
    is_live: bool = True


class PoolKeyList(AdminMessage, frozen=True, kw_only=True):
    """Every key, revoked ones too, oldest first."""

    keys: tuple[PoolKeyPicture, ...]


class PoolKeyRequest(AdminMessage, frozen=True, kw_only=True):
    """Make a key for an account's project."""

    account: str
    name: str
    project: str = "default"
    scopes: Annotated[tuple[PoolKeyScope, ...], Meta(min_length=1)] = ("inference", "billing")
    expires_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None


class PoolKeyMade(AdminMessage, frozen=True, kw_only=True):
    """A new key, shown this once and not stored."""

    key: PoolKeyPicture
    secret: str
    base_url: str
    """Where OpenAI's clients send it."""

    def __repr__(self) -> str:
        return f"<PoolKeyMade {self.key.id}>"

    __str__ = __repr__


class InvitePicture(AdminMessage, frozen=True, kw_only=True):
    """An invite without its text."""

    id: str
    kind: InviteFor
    account: str = ""
    """By name: who gets the machine or the friend; "" where the operator invites."""
    name: str = ""
    credits: int = 0
    uses: int
    uses_max: int
    made_at: float
    expires_at: float
    revoked_at: float | None = None
    is_live: bool = True


class InviteList(AdminMessage, frozen=True, kw_only=True):
    """Every invite, newest first."""

    invites: tuple[InvitePicture, ...]


class InviteRequest(AdminMessage, frozen=True, kw_only=True):
    """Make an invite."""

    kind: InviteFor = "account"
    account: str = ""
    """For a device or a friend: whose."""
    name: Annotated[str, Meta(max_length=100)] = ""
    """Of the account that it makes; "" takes the machine's name."""
    credits: Micros = 0
    uses_max: Annotated[int, Meta(ge=1, le=10_000)] = 1
    days: Annotated[float, Meta(gt=0, le=366)] = 7.0


class InviteMade(AdminMessage, frozen=True, kw_only=True):
    """A new invite with its text, which is shown this once and not stored."""

    invite: InvitePicture
    text: str
    """A link; `athanor pool join` takes it."""
    qr: str
    """The same in the characters that a QR code packs most densely."""

    def __repr__(self) -> str:
        return f"<InviteMade {self.invite.id}>"

    __str__ = __repr__
