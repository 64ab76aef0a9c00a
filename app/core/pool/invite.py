"""Invite: the text by which a device comes into a pool, signed by the pool's key.

    athanor://join/AFRH...        as a link
    AFRH ... (base32)             the same by itself; spaces, dashes and case do not matter

In capital letters a QR code packs it most densely. Whoever has the text can use it, until it has
expired or was used as often as it may be: the host counts. What can be told without the host is
told here: whether it is whole, who signed it, where it leads, what for and until when.
"""

import base64
import re
from typing import Final, Literal, final

import msgspec

from app.core.base.errors import RequestError
from app.core.base.ids import PoolId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.keys import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Signer, Verifier

InviteFor = Literal["account", "device", "friend"]
"""account: makes one in the pool. device: joins the inviter's account. friend: makes the accounts
serve each other."""

LINK: Final = "athanor://join/"
SECRET_BYTES: Final = 16
ADDRESS_BYTES_MAX: Final = 120
NAME_BYTES_MAX: Final = 40
USES_MAX: Final = 0xFFFF
TEXT_MAX: Final = 1000
"""Characters of a text that is looked at."""

_VERSION: Final = 1
_STATEMENT: Final = b"athanor invite 1\n"
_KINDS: Final[tuple[InviteFor, ...]] = ("account", "device", "friend")
_FIXED_BYTES: Final = 1 + PUBLIC_KEY_BYTES + SECRET_BYTES + 1 + 2 + 5


@final
class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """What an invite says."""

    pool: PoolId
    secret: str
    """32 hexadecimal digits by chance, by which the host knows it."""
    kind: InviteFor
    uses: int
    """How often it may be used in all."""
    expires_at: Microseconds
    """To the second."""
    address: str
    """URL of the host's WebSocket: wss://, or ws:// within a network that is trusted."""
    name: str = ""
    """Who invites, for people."""

    def __repr__(self) -> str:
        return f"<Invite to {self.pool[:8]}>"  # it opens a door

    __str__ = __repr__


def write_invite(invite: Invite, signer: Signer) -> str:
    """The invite as a link. `signer` is the pool's key."""
    assert signer.public == invite.pool
    body = _pack(invite)
    return LINK + _base32(body + signer.sign(_STATEMENT + body))


def code_of(text: str) -> str:
    """The text by itself, without a link's beginning, in capital letters."""
    return _bare(text)


def qr_text(text: str) -> str:
    """The link in the characters that a QR code packs most densely."""
    return (LINK + _bare(text)).upper()


def read_invite(text: str, verify: Verifier) -> Invite:
    """What the text says, if the pool that it names signed it. Whether it has expired and was used
    is not asked here. Raises: RequestError with what is wrong.
    """
    code = _bare(text)
    try:
        packed = base64.b32decode(code + "=" * (-len(code) % 8))
    except ValueError:
        raise _damaged("has characters that no invite has") from None
    if not packed or _base32(packed) != code:
        raise _damaged("is empty" if not packed else "is not whole")
    if len(packed) <= _FIXED_BYTES + SIGNATURE_BYTES:
        # Before its version: of a word that was pasted by mistake that says nothing.
        raise _damaged("is not whole")
    if packed[0] != _VERSION:
        raise RequestError(
            f"this invite is of version {packed[0]}, which this Athanor does not know",
            field="invite",
            remedy="Update Athanor, or ask for an invite from its version.",
        )
    body, signature = packed[:-SIGNATURE_BYTES], packed[-SIGNATURE_BYTES:]
    invite = _unpack(body)
    if invite is None:
        raise _damaged("is not whole")
    if not verify(invite.pool, signature, _STATEMENT + body):
        raise _damaged("was changed or cut on its way")
    return invite


def refuse_expired(invite: Invite, now: Microseconds) -> None:
    """Raises: RequestError when its time is over."""
    if now >= invite.expires_at:
        raise RequestError(
            "this invite has expired", field="invite", remedy="Ask who invited you for a new one."
        )


def _damaged(why: str) -> RequestError:
    return RequestError(
        f"the invite {why}", field="invite", remedy="Copy it again, from its beginning to its end."
    )


def _bare(text: str) -> str:
    short = re.sub(r"[\s-]", "", text[: 2 * TEXT_MAX])[:TEXT_MAX]
    if short.lower().startswith(LINK):
        short = short[len(LINK) :]
    return short.rstrip("/=").upper()


def _base32(packed: bytes) -> str:
    return base64.b32encode(packed).decode().rstrip("=")


def _pack(invite: Invite) -> bytes:
    address, name = invite.address.encode(), invite.name.encode()
    assert len(address) <= ADDRESS_BYTES_MAX
    assert len(name) <= NAME_BYTES_MAX
    assert 1 <= invite.uses <= USES_MAX
    secret = bytes.fromhex(invite.secret)
    assert len(secret) == SECRET_BYTES
    return (
        bytes([_VERSION])
        + bytes.fromhex(invite.pool)
        + secret
        + bytes([_KINDS.index(invite.kind)])
        + invite.uses.to_bytes(2, "big")
        + (invite.expires_at // SECOND).to_bytes(5, "big")
        + bytes([len(address)])
        + address
        + bytes([len(name)])
        + name
    )


def _unpack(body: bytes) -> Invite | None:
    """None for what `_pack` did not make."""
    if len(body) < _FIXED_BYTES + 2 or body[49] >= len(_KINDS):
        return None
    rest = body[_FIXED_BYTES:]
    address, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    if not rest or len(rest) != 1 + rest[0]:
        return None
    try:
        invite = Invite(
            pool=PoolId(body[1:33].hex()),
            secret=body[33:49].hex(),
            kind=_KINDS[body[49]],
            uses=int.from_bytes(body[50:52], "big"),
            expires_at=Microseconds(int.from_bytes(body[52:57], "big") * SECOND),
            address=address.decode(),
            name=rest[1:].decode(),
        )
    except UnicodeDecodeError:
        return None
    fits = len(address) <= ADDRESS_BYTES_MAX and len(rest) - 1 <= NAME_BYTES_MAX
    return invite if fits and invite.uses >= 1 else None
