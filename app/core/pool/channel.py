"""Channel: the numbers of one side in a session, by which nothing comes twice or is missing.

Every frame gets the next number and is kept until the other side has acknowledged it. Acks are
cumulative, ride on every envelope, and go alone where nothing else goes. After a lost socket each
side tells the number of the last frame that came, and the other sends what follows it again.

A WebSocket loses and reorders nothing, so a number that is left out is the peer's fault and not the
network's; a number that was heard before is what a resumed side may send, and is passed over.
"""

from collections import deque
from typing import Final, Literal, NamedTuple, final

import msgspec

from app.core.base.errors import TooLarge
from app.core.pool.envelope import Incoming, encode_envelope
from app.core.pool.happenings import Fault, Ignored, Received, Write
from app.core.pool.tables import FRAMES, tag_of
from app.wire.message import Message


@final
class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a session may hold and how long it waits. Bytes, frames and seconds."""

    frames_max: int = 8192
    """Kept until they are acknowledged: half a minute of five quick answers."""
    bytes_max: int = 16 * 1024 * 1024
    ack_frames: int = 64
    """An ack goes alone at the latest after so many frames,"""
    ack_bytes: int = 1024 * 1024
    """so many bytes,"""
    ack_seconds: float = 1.0
    """and so long."""
    handshake_seconds: float = 10.0
    """From the socket to the session."""
    silent_heartbeats: float = 3.0
    """Heartbeats without a word after which a socket is dead."""
    stalled_seconds: float = 90.0
    """A socket on which a frame is not acknowledged for so long is dead: slow uploads get by."""
    frames_per_second: float = 2000.0
    """Of one node, on the average; a host ends the session of one that sends more."""
    frames_at_once: int = 3 * 8192
    """On top of that; what a resumed side sends again must fit."""


LIMITS: Final = Limits()

Heard = Literal["frame", "again", "bare"]
"""A new frame, one that was heard before, or an ack alone."""


class _Kept(NamedTuple):
    number: int
    data: bytes
    since: float


@final
class Channel:
    """The numbers and the buffer of one side. `now` is the edge's clock, in seconds."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0
        self._ack_due: float | None = None
        self._owed_frames = 0
        self._owed_bytes = 0
        self.sent = 0
        """Number of the last frame that was sent or waits to be."""
        self.acked = 0
        """Number of the last frame that the peer has."""
        self.received = 0
        """Number of the last frame that came."""

    @property
    def kept_frames(self) -> int:
        """Frames that the peer has not acknowledged."""
        return len(self._kept)

    @property
    def kept_bytes(self) -> int:
        """The same in bytes."""
        return self._kept_bytes

    @property
    def kept_since(self) -> float | None:
        """When the oldest of them was first sent; None when there are none."""
        return self._kept[0].since if self._kept else None

    @property
    def ack_due(self) -> float | None:
        """When an ack must go alone; None when none is owed."""
        return self._ack_due

    def number(self, frame: Message, now: float) -> bytes | Fault:
        """The frame's envelope, which is kept; or that too much is kept already.

        Raises: TooLarge, and takes no number: it would be kept for ever, since the peer ends every
        socket over which it is sent again.
        """
        data = encode_envelope(frame, number=self.sent + 1, received=self.received)
        if len(data) > FRAMES[type(frame)].bytes_max:
            raise TooLarge(f"a frame {tag_of(type(frame))!r} of {len(data)} bytes cannot be sent")
        if (
            len(self._kept) >= self._limits.frames_max
            or self._kept_bytes + len(data) > self._limits.bytes_max
        ):
            kept = f"{len(self._kept)} frames of {self._kept_bytes} bytes"
            return Fault("backlog", f"{kept} were sent and not acknowledged")
        self.sent += 1
        self._kept.append(_Kept(self.sent, data, now))
        self._kept_bytes += len(data)
        self._ack_goes()
        return data

    def hear(self, incoming: Incoming, size: int, now: float) -> Heard | Fault:
        """Take an envelope's numbers in; `size` is its bytes."""
        fault = self.acknowledge(incoming.received)
        if fault is not None:
            return fault
        number = incoming.number
        if incoming.frame is None and not incoming.unknown:
            return "bare" if number == 0 else Fault("forged", f"number {number} has no frame")
        if number < 1:
            return Fault("forged", f"a frame of the session has number {number}")
        if number > self.received + 1:
            return Fault("gap", f"frame {number} came after frame {self.received}")
        self._owe(size, now)
        if number <= self.received:
            return "again"
        self.received = number
        return "frame"

    def acknowledge(self, received: int) -> Fault | None:
        """The peer has all frames up to `received`; a number below the last one is old news."""
        if received < 0 or received > self.sent:
            return Fault("forged", f"frame {received} was acknowledged, {self.sent} were sent")
        while self._kept and self._kept[0].number <= received:
            self._kept_bytes -= len(self._kept.popleft().data)
        self.acked = max(self.acked, received)
        return None

    def bare_ack(self) -> bytes:
        """An envelope that only acknowledges."""
        self._ack_goes()
        return encode_envelope(None, received=self.received)

    def owes_ack(self, now: float) -> bool:
        """Whether an ack must go alone now."""
        return self._ack_due is not None and now >= self._ack_due

    def can_resume_from(self, received: int) -> bool:
        """Whether the frames that a peer with this last number lacks are all still here."""
        return self.acked <= received <= self.sent

    def resume_from(self, received: int, now: float) -> list[bytes]:
        """The envelopes that follow, to be sent again in order. They count as sent now."""
        assert self.can_resume_from(received)
        fault = self.acknowledge(received)
        assert fault is None, fault
        self._kept = deque(kept._replace(since=now) for kept in self._kept)
        return [kept.data for kept in self._kept]

    def _owe(self, size: int, now: float) -> None:
        self._owed_frames += 1
        self._owed_bytes += size
        limits = self._limits
        if self._owed_frames >= limits.ack_frames or self._owed_bytes >= limits.ack_bytes:
            self._ack_due = now
        elif self._ack_due is None:
            self._ack_due = now + limits.ack_seconds

    def _ack_goes(self) -> None:
        self._ack_due = None
        self._owed_frames = self._owed_bytes = 0


def take(
    channel: Channel, incoming: Incoming, size: int, now: float
) -> list[Write | Received | Ignored] | Fault:
    """What an envelope of an open session brings, with the ack that it may be time for."""
    heard = channel.hear(incoming, size, now)
    if isinstance(heard, Fault):
        return heard
    happenings: list[Write | Received | Ignored] = []
    if heard == "frame":
        happenings.append(Received(incoming.frame) if incoming.frame else Ignored(incoming.unknown))
    if channel.owes_ack(now):
        happenings.append(Write(channel.bare_ack()))
    return happenings
