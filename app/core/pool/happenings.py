"""Happenings: what a session tells the edge that feeds it.

The edge writes what is to be written, closes what is to be closed and hands on what was received;
it decides nothing about the protocol.
"""

from typing import NamedTuple, final

import msgspec

from app.core.base.ids import DeviceId
from app.wire.message import Message
from app.wire.opening import Denied, Established, FaultCode, Hello, OverCode


class Fault(NamedTuple):
    """Something that no honest peer of this version sends."""

    code: FaultCode
    message: str


@final
class Write(msgspec.Struct, frozen=True):
    """Put this on the socket, as one binary message."""

    data: bytes

    def __repr__(self) -> str:
        return f"<Write {len(self.data)} bytes>"  # it may hold a user's words

    __str__ = __repr__


@final
class Received(msgspec.Struct, frozen=True):
    """A frame of the session: each comes once, in the order in which it was sent."""

    frame: Message


@final
class Ignored(msgspec.Struct, frozen=True):
    """A frame that this version does not know; it counts as received."""

    tag: str


@final
class CloseSocket(msgspec.Struct, frozen=True):
    """Close the socket; a session that there is goes on waiting for another one."""

    why: str


@final
class SessionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more comes or goes: jobs that ran over it are lost. The socket is to be closed."""

    code: OverCode
    message: str
    is_ours: bool
    """We ended it, by a fault that we saw or of our own will; else the peer told us."""
    retry_after_seconds: float = 0.0
    """0: nobody said when."""


@final
class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """Node: the session is open, and what was kept while it had no socket has been sent."""

    established: Established
    is_resumed: bool
    lost: str = ""
    """Why an earlier session is not gone on with, and what ran over it is lost; "" without one."""


@final
class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The opening failed, on either side. The socket is to be closed."""

    denied: Denied


@final
class HeartbeatDue(msgspec.Struct, frozen=True):
    """Node: send a `Heartbeat` now."""


@final
class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """Host: the device holds its key. Whether it may come in is for accounts to say."""

    hello: Hello
    device: DeviceId
    sealing_key: bytes
    sealing_signature: bytes
    """The device's, over the sealing key: together they are its sealing card."""
    invite: str = ""
    """The secret of the invite that it showed; "" without one."""


NodeHappening = (
    Write | Received | Ignored | CloseSocket | SessionEnded | Opened | Refused | HeartbeatDue
)
HostHappening = Write | Received | Ignored | CloseSocket | SessionEnded
GreetingHappening = Write | Proved | Refused
