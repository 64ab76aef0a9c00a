"""How a session between a node and the host of a pool begins and ends.

    node                                host
    Hello      ──────────────────────>         who I am, and the session I was in
               <──────────────────────  Challenge     this is my key, show me yours
    Proof      ──────────────────────>
               <──────────────────────  Established   or Denied, in the place of either answer
    frames     <─────────────────────>  frames        app/wire/pool.py
    Over       <─────────────────────>  Over

Envelopes of these have no number. What the keys sign is made in core/pool/proofs.
"""

from typing import Final, Literal

import msgspec

from app.core.base.ids import DeviceId, PoolId, SessionId
from app.core.base.units import Microseconds
from app.wire.message import Message, Private

VERSION: Final = 1
"""Of this file. A host names the versions it speaks in the refusal of another."""

ENVELOPE_BYTES_MAX: Final = 8 * 1024 * 1024
HANDSHAKE_BYTES_MAX: Final = 64 * 1024
"""Before the device has proved its key."""

SOCKET_PATH: Final = "/pool/v1/members"
"""Where a host takes its members' WebSockets, below the URL that stands in invites."""


DenialCode = Literal[
    "version", "proof", "unknown_device", "invite", "paused", "full", "too_often", "malformed",
    "session", "deadline",
]  # fmt: skip
"""Why no session opens. "session": the one that was named is another device's."""

FaultCode = Literal[
    "gap", "forged", "malformed", "too_large", "out_of_turn", "backlog", "flood"
]  # fmt: skip
"""What one side did wrong in a session, as the other saw it."""

OverCode = FaultCode | Literal["replaced", "grace", "stopping", "leaving"]
"""Why a session ended: a fault, a newer session of the device, a socket that did not come back, or
the will of a side."""


class Envelope(Private, frozen=True, kw_only=True, omit_defaults=True):
    """What a binary message holds; either side's."""

    body: msgspec.Raw = msgspec.Raw(b"")
    """One frame of `FromNode` or `FromHost`; nothing in a bare acknowledgement."""
    number: int = 0
    """From 1 up within the session; 0 for frames that have none."""
    received: int = 0
    """Number of the last frame that came from the other side."""


class Hello(Message, frozen=True, kw_only=True, omit_defaults=True, tag="hello"):
    """Node: who I am. `versions` are those it speaks, newest first."""

    versions: tuple[int, ...]
    device: DeviceId
    nonce: bytes
    """32 bytes by chance; the host signs this whole message in `Challenge`."""
    program: str
    """Version of the program."""
    session: SessionId | None = None
    """To go on with after a lost socket; None opens a new one."""
    received: int = 0
    """Number of the last frame that came in that session."""
    name: str = ""
    """What the owner calls the machine."""


class Challenge(Message, frozen=True, kw_only=True, omit_defaults=True, tag="challenge"):
    """Host: prove your key; this is mine."""

    version: int
    pool: PoolId
    nonce: bytes
    signature: bytes
    """Of the host's key: core/pool/proofs.host_statement. It covers the hello, byte for byte."""
    at: Microseconds


class Proof(Message, frozen=True, kw_only=True, omit_defaults=True, tag="proof"):
    """Node: I hold the device's key."""

    signature: bytes
    """core/pool/proofs.node_statement: hello and challenge, byte for byte, and the invite."""
    sealing_key: bytes
    """The device's X25519 public key, to which job bodies may be sealed."""
    sealing_signature: bytes
    """The device's key: core/pool/proofs.sealing_statement."""
    invite: str = ""
    """Secret of an invite; needed once, while the device is not known. It is told here and not in
    the hello, since by now the host has proved that it is the one that the invite leads to."""


class Established(Message, frozen=True, kw_only=True, omit_defaults=True, tag="established"):
    """Host: the session is open. `received` tells the node which of its frames to send again."""

    session: SessionId
    is_resumed: bool
    received: int
    pool_name: str
    account: str
    heartbeat_seconds: float
    grace_seconds: float
    """So long a session waits for its node after a lost socket."""
    fee_percent: int
    receipts: int
    """How many receipts of this device the host has, and the hash of the last."""
    receipt_hash: bytes = b""
    ended: str = ""
    """Why the session that the node named is not gone on with; "" when it named none, or it is."""


class Denied(Message, frozen=True, kw_only=True, omit_defaults=True, tag="denied"):
    """Host: no session. The socket is closed after it."""

    code: DenialCode
    message: str
    remedy: str = ""
    versions: tuple[int, ...] = ()
    retry_after_seconds: float = 0.0
    """0: do not come back by yourself."""


class Over(Message, frozen=True, kw_only=True, omit_defaults=True, tag="over"):
    """Either side: the session has ended, and with it all that was under way. Has no number."""

    code: OverCode
    message: str
    retry_after_seconds: float = 0.0
    """0: do not come back by yourself."""


Opening = Hello | Proof
Opened = Challenge | Established | Denied
