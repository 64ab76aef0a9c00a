"""HostSession: the host's side of one session, without a socket, a clock or chance.

It is made by `HostSessions.establish` after the greeting and outlives the sockets that carry it:

    session.receive(data, now)       -> what a binary message of its socket brings
    session.send(frame, now)         -> what to write for a frame; b"" while there is no socket
    session.due(now)                 -> what is due, at the latest at session.next_due()
    session.socket_lost(now)         -> the socket is gone, whoever closed it
    session.end(code, message, now)  -> end it from here

A session belongs to the device key that opened it, and to no other.
"""

import math
from typing import final

import msgspec

from app.core.base.ids import DeviceId, SessionId
from app.core.pool.channel import LIMITS, Channel, Limits, take
from app.core.pool.envelope import decode_envelope, encode_envelope, from_node
from app.core.pool.happenings import (
    CloseSocket,
    Fault,
    HostHappening,
    SessionEnded,
    Write,
)
from app.core.pool.tables import HOST_HEARS, HostPhase, follow_host
from app.wire.message import Message
from app.wire.opening import ENVELOPE_BYTES_MAX, Established, Over, OverCode


@final
class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the host tells a node when a session opens."""

    pool_name: str
    account: str
    fee_percent: int
    heartbeat_seconds: float = 10.0
    grace_seconds: float = 30.0
    receipts: int = 0
    receipt_hash: bytes = b""


@final
class HostSession:
    """One device's standing with the host."""

    def __init__(
        self,
        *,
        session: SessionId,
        device: DeviceId,
        terms: Terms,
        now: float,
        limits: Limits = LIMITS,
    ) -> None:
        self.id = session
        self.device = device
        self._terms, self._limits = terms, limits
        self._phase: HostPhase = "waiting"
        self._channel = Channel(limits)
        self._heard_at = self._lost_at = self._paced_at = now
        self._frames_left = float(limits.frames_at_once)
        self._late: list[HostHappening] = []

    @property
    def phase(self) -> HostPhase:
        """Where it stands in the table."""
        return self._phase

    @property
    def kept_bytes(self) -> int:
        """Bytes of frames that the node has not acknowledged."""
        return self._channel.kept_bytes

    @property
    def received(self) -> int:
        """Number of the last frame that came."""
        return self._channel.received

    def can_resume_from(self, received: int) -> bool:
        """Whether a node with this last number can go on: the rest is still here."""
        return self._phase != "ended" and self._channel.can_resume_from(received)

    def attach(self, received: int | None, terms: Terms, now: float, *, ended: str = "") -> bytes:
        """The `Established` for a new socket; `received` is None for a new session.

        What the node lacks follows by `again`, after this has been written.
        """
        self._phase = follow_host(self._phase, "attach")
        self._terms, self._heard_at = terms, now
        return encode_envelope(
            Established(
                session=self.id,
                is_resumed=received is not None,
                received=self._channel.received,
                pool_name=terms.pool_name,
                account=terms.account,
                heartbeat_seconds=terms.heartbeat_seconds,
                grace_seconds=terms.grace_seconds,
                fee_percent=terms.fee_percent,
                receipts=terms.receipts,
                receipt_hash=terms.receipt_hash,
                ended=ended,
            )
        )

    def again(self, received: int, now: float) -> list[bytes]:
        """The messages after number `received`, in order."""
        return self._channel.resume_from(received, now)

    def receive(self, data: bytes, now: float) -> list[HostHappening]:
        """What a binary message brings; nothing when it is of a socket that was given up."""
        if self._phase != "live":
            return []
        incoming = decode_envelope(data, from_node, bytes_max=ENVELOPE_BYTES_MAX)
        if isinstance(incoming, Fault):
            return self._fault(incoming)
        frame = incoming.frame
        if frame is not None and not isinstance(frame, HOST_HEARS[self._phase]):
            return self._fault(Fault("out_of_turn", f"{type(frame).__name__} came in a session"))
        if not self._is_in_pace(now):
            return self._fault(Fault("flood", "frames come faster than any work makes them"))
        self._heard_at = now
        if isinstance(frame, Over):
            return [self._ended(frame.code, frame.message, is_ours=False)]
        taken = take(self._channel, incoming, len(data), now)
        return self._fault(taken) if isinstance(taken, Fault) else [*taken]

    def send(self, frame: Message, now: float) -> bytes:
        """What to write for a frame; b"" while no socket is there, and after the end.

        Raises: TooLarge; nothing changed.
        """
        if self._phase == "ended":
            return b""
        data = self._channel.number(frame, now)
        if isinstance(data, Fault):
            was_live = self._phase == "live"
            self._late = self._fault(data)
            over = self._late.pop(0) if was_live else None
            return over.data if isinstance(over, Write) else b""
        return data if self._phase == "live" else b""

    def end(
        self, code: OverCode, message: str, *, retry_after_seconds: float = 0.0
    ) -> list[HostHappening]:
        """End the session from here: the host stops, or a newer session takes its place."""
        if self._phase == "ended":
            return []
        return self._over(code, message, retry_after_seconds)

    def socket_lost(self, now: float) -> list[HostHappening]:
        """The socket is gone; the session waits for another one while its grace lasts."""
        if self._phase == "live":
            self._wait(now)
        return self._told_late()

    def next_due(self) -> float | None:
        """When `due` has something to do at the latest; None after the end."""
        if self._late:
            return self._heard_at
        match self._phase:
            case "ended":
                return None
            case "waiting":
                return self._lost_at + self._terms.grace_seconds
            case "live":
                times = [self._silent_at(), self._channel.ack_due]
                return min(time for time in times if time is not None)

    def due(self, now: float) -> list[HostHappening]:
        """What time brings: acks, a dead socket, the end of the grace."""
        happenings = self._told_late()
        if self._phase == "waiting" and now >= self._lost_at + self._terms.grace_seconds:
            happenings.append(self._ended("grace", "the node did not come back", is_ours=True))
        elif self._phase == "live" and now >= self._silent_at():
            self._wait(now)
            happenings.append(CloseSocket("the node has been silent"))
        elif self._phase == "live" and self._channel.owes_ack(now):
            happenings.append(Write(self._channel.bare_ack()))
        return happenings

    def _wait(self, now: float) -> None:
        self._phase = follow_host(self._phase, "wait")
        self._lost_at = now

    def _fault(self, fault: Fault) -> list[HostHappening]:
        return self._over(fault.code, fault.message, 0.0)

    def _over(self, code: OverCode, message: str, retry_after: float) -> list[HostHappening]:
        was_live = self._phase == "live"
        ended = self._ended(code, message, is_ours=True, retry_after_seconds=retry_after)
        if not was_live:
            return [ended]
        over = Over(code=code, message=message, retry_after_seconds=retry_after)
        return [Write(encode_envelope(over)), ended]

    def _ended(
        self, code: OverCode, message: str, *, is_ours: bool, retry_after_seconds: float = 0.0
    ) -> SessionEnded:
        self._phase = follow_host(self._phase, "end")
        self._channel = Channel(self._limits)  # what was kept is of no use any more
        return SessionEnded(
            code=code,
            message=message,
            is_ours=is_ours,
            retry_after_seconds=retry_after_seconds,
        )

    def _told_late(self) -> list[HostHappening]:
        late, self._late = self._late, []
        return late

    def _silent_at(self) -> float:
        silence = self._limits.silent_heartbeats * self._terms.heartbeat_seconds
        unheard = self._channel.kept_since
        stalled_at = math.inf if unheard is None else unheard + self._limits.stalled_seconds
        return min(self._heard_at + silence, stalled_at)

    def _is_in_pace(self, now: float) -> bool:
        """A bucket of frames that fills by time; one frame takes one."""
        limits = self._limits
        earned = max(0.0, now - self._paced_at) * limits.frames_per_second
        self._frames_left = min(self._frames_left + earned, float(limits.frames_at_once))
        self._paced_at = now
        self._frames_left -= 1.0
        return self._frames_left >= 0.0
