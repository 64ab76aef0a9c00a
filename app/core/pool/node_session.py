"""NodeSession: the node's side of the protocol, without a socket, a clock or chance.

One object serves a node for as long as it belongs to a pool. The edge dials, and then

    session.dial(nonce, now)         -> the first message of a new socket
    session.receive(data, now)       -> what a binary message brings
    session.send(frame, now)         -> what to write for a frame; b"" while there is no socket
    session.due(now)                 -> what is due, at the latest at session.next_due()
    session.socket_lost(now)         -> the socket is gone, whoever closed it

and does what the happenings say. `now` is seconds of a clock that never goes back and goes on while
the computer sleeps. After `SessionEnded` it may dial again, for a new session.
"""

import math
from typing import Final, Literal, final

from app.core.base.ids import DeviceId, PoolId
from app.core.pool.channel import LIMITS, Channel, Limits, take
from app.core.pool.envelope import Incoming, decode_envelope, encode_envelope, from_host
from app.core.pool.happenings import (
    CloseSocket,
    Fault,
    HeartbeatDue,
    NodeHappening,
    Opened,
    Refused,
    SessionEnded,
    Write,
)
from app.core.pool.keys import Signer, Verifier
from app.core.pool.proofs import (
    NONCE_BYTES,
    host_statement,
    is_key,
    node_statement,
    sealing_statement,
)
from app.core.pool.tables import NODE_HEARS, PASSED_ON_BYTES_MAX, NodePhase, NodeStep, follow_node
from app.wire.message import Message
from app.wire.opening import (
    ENVELOPE_BYTES_MAX,
    HANDSHAKE_BYTES_MAX,
    VERSION,
    Challenge,
    Denied,
    Established,
    Hello,
    Over,
    OverCode,
    Proof,
)

HEARTBEAT_SECONDS: Final = (1.0, 300.0)
GRACE_SECONDS: Final = (0.0, 3600.0)
"""Bounds of what a host may ask of a node."""
RESERVED_BYTES: Final = 1024 * 1024
"""Of what may wait for an acknowledgement, for all but asks."""

COME_BACK: Final = {"full", "too_often", "deadline"}
"""Refusals that pass: a session that there is waits for its grace."""


@final
class NodeSession:
    """The node's side. `pool` is the key that the invite named; another host is refused."""

    def __init__(
        self,
        *,
        signer: Signer,
        verify: Verifier,
        sealing_key: bytes,
        pool: PoolId,
        program: str,
        name: str = "",
        invite: str = "",
        versions: tuple[int, ...] = (VERSION,),
        limits: Limits = LIMITS,
    ) -> None:
        self._signer, self._verify, self._pool, self._limits = signer, verify, pool, limits
        self._sealing_key = sealing_key
        self._sealing_signature = signer.sign(sealing_statement(sealing_key))
        self._program, self._name, self._versions = program, name, versions
        self.invite = invite
        """Sent with every proof until it is emptied: a host that knows the device ignores it."""
        self._phase: NodePhase = "off"
        self._channel: Channel | None = None
        self._established: Established | None = None
        self._hello = b""
        self._nonce = b""
        self._heard_at = self._lost_at = self._dialled_at = self._heartbeat_at = 0.0
        self._late: list[NodeHappening] = []

    @property
    def phase(self) -> NodePhase:
        """Where it stands in the table."""
        return self._phase

    @property
    def established(self) -> Established | None:
        """What the host said of the session that there is; None without one."""
        return self._established

    @property
    def kept_bytes(self) -> int:
        """Bytes of frames that the host has not acknowledged."""
        return self._channel.kept_bytes if self._channel else 0

    @property
    def may_ask(self) -> bool:
        """An ask of any size could go now, and leave room for what cannot wait.

        A backlog ends the session with all that runs over it, while an ask may come again later.
        """
        return self.kept_bytes + PASSED_ON_BYTES_MAX <= self._limits.bytes_max - RESERVED_BYTES

    def dial(self, nonce: bytes, now: float) -> bytes:
        """The first message of a new socket. `nonce` is 32 bytes by chance, never used before."""
        assert len(nonce) == NONCE_BYTES
        self._step("dial")
        self._nonce, self._dialled_at = nonce, now
        self._hello = encode_envelope(
            Hello(
                versions=self._versions,
                device=DeviceId(self._signer.public),
                nonce=nonce,
                program=self._program,
                session=self._established.session if self._established else None,
                received=self._channel.received if self._channel else 0,
                name=self._name,
            )
        )
        return self._hello

    def receive(self, data: bytes, now: float) -> list[NodeHappening]:
        """What a binary message brings; nothing when it is of a socket that was given up."""
        if self._phase in {"off", "waiting"}:
            return []
        bytes_max = ENVELOPE_BYTES_MAX if self._phase == "live" else HANDSHAKE_BYTES_MAX
        incoming = decode_envelope(data, from_host, bytes_max=bytes_max)
        if isinstance(incoming, Fault):
            return self._fault(incoming, now)
        frame = incoming.frame
        if frame is not None and not isinstance(frame, NODE_HEARS[self._phase]):
            word = type(frame).__name__
            return self._fault(Fault("out_of_turn", f"{word} came while {self._phase}"), now)
        self._heard_at = now
        match frame:
            case Challenge():
                return self._challenged(frame, data, now)
            case Established():
                return self._opened(frame, now)
            case Denied():
                self._leave_socket(now, keep=frame.code in COME_BACK)
                return [Refused(denied=frame)]
            case Over():
                self._step("end")
                return [
                    SessionEnded(
                        code=frame.code,
                        message=frame.message,
                        is_ours=False,
                        retry_after_seconds=frame.retry_after_seconds,
                    )
                ]
            case _:
                return self._live(incoming, len(data), now)

    def send(self, frame: Message, now: float) -> bytes:
        """What to write for a frame of the session; b"" where nothing can be written now.

        A frame goes out later when the session lives without a socket, and is lost where there is
        no session: send after `Opened`, until `SessionEnded`. Raises: TooLarge; nothing changed.
        """
        if self._channel is None:
            return b""
        data = self._channel.number(frame, now)
        if isinstance(data, Fault):
            was_live = self._phase == "live"
            self._late = self._fault(data, now)
            over = self._late.pop(0) if was_live else None
            return over.data if isinstance(over, Write) else b""
        return data if self._phase == "live" else b""

    def leave(self, now: float, *, is_for_good: bool = True) -> bytes:
        """End the session from here: the node stops or leaves the pool. What to write last."""
        if self._phase == "off":
            return b""
        was_live = self._phase == "live"
        self._step("end")
        code: OverCode = "leaving" if is_for_good else "stopping"
        over = Over(code=code, message="the node left the pool" if is_for_good else "it stops")
        return encode_envelope(over) if was_live else b""

    def socket_lost(self, now: float) -> list[NodeHappening]:
        """The socket is gone; the session waits for another one while its grace lasts."""
        if self._phase not in {"off", "waiting"}:
            self._leave_socket(now, keep=True)
        return self._told_late()

    def next_due(self) -> float | None:
        """When `due` has something to do at the latest; None when only others can act."""
        if self._late:
            return self._heard_at
        match self._phase:
            case "off":
                return None
            case "greeting" | "proving":
                return self._dialled_at + self._limits.handshake_seconds
            case "waiting":
                return self._lost_at + self._grace()
            case "live":
                assert self._channel is not None
                times = [self._heartbeat_at, self._silent_at(), self._channel.ack_due]
                return min(time for time in times if time is not None)

    def due(self, now: float) -> list[NodeHappening]:
        """What time brings: heartbeats, acks, a dead socket, the end of the grace."""
        happenings = self._told_late()
        if self._phase in {"greeting", "proving"}:
            if now >= self._dialled_at + self._limits.handshake_seconds:
                self._leave_socket(now, keep=True)
                happenings.append(CloseSocket("the host did not answer in time"))
        elif self._phase == "waiting" and now >= self._lost_at + self._grace():
            happenings.append(self._end("grace", "the host could not be reached for too long"))
        elif self._phase == "live":
            happenings += self._due_live(now)
        return happenings

    def _due_live(self, now: float) -> list[NodeHappening]:
        assert self._channel is not None
        if now >= self._silent_at():
            self._leave_socket(now, keep=True)
            return [CloseSocket("the host has been silent")]
        happenings: list[NodeHappening] = []
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + self._heartbeat()
            happenings.append(HeartbeatDue())
        elif self._channel.owes_ack(now):
            happenings.append(Write(self._channel.bare_ack()))
        return happenings

    def _challenged(self, challenge: Challenge, data: bytes, now: float) -> list[NodeHappening]:
        if challenge.version not in self._versions:
            return self._refuse(
                "version",
                f"the host speaks version {challenge.version} of the protocol",
                "Update Athanor.",
                now,
            )
        if challenge.pool != self._pool:
            return self._refuse(
                "proof",
                "another pool answers at this address",
                "Ask who hosts the pool for a new invite, if it was set up anew.",
                now,
            )
        if not self._is_hosts(challenge):
            remedy = "Somebody may stand between: try again from another network."
            return self._refuse("proof", "the host does not hold its pool's key", remedy, now)
        self._step("challenged")
        signature = self._signer.sign(node_statement(self._hello, data, self.invite))
        proof = Proof(
            signature=signature,
            sealing_key=self._sealing_key,
            sealing_signature=self._sealing_signature,
            invite=self.invite,
        )
        return [Write(encode_envelope(proof))]

    def _is_hosts(self, challenge: Challenge) -> bool:
        if len(challenge.nonce) != NONCE_BYTES or challenge.at < 0 or challenge.at >= 1 << 63:
            return False
        statement = host_statement(
            self._hello,
            version=challenge.version,
            pool=challenge.pool,
            nonce=challenge.nonce,
            at=challenge.at,
        )
        is_pool = is_key(challenge.pool)
        return is_pool and self._verify(challenge.pool, challenge.signature, statement)

    def _opened(self, established: Established, now: float) -> list[NodeHappening]:
        old, kept = self._established, self._channel
        if established.is_resumed:
            if (
                old is None
                or kept is None
                or established.session != old.session
                or not kept.can_resume_from(established.received)
            ):
                return self._fault(Fault("forged", "another session was resumed"), now)
            again = kept.resume_from(established.received, now)
        else:
            self._channel, again = Channel(self._limits), []
        lost = established.ended or "the host does not know it any more"
        self._established = established
        self._step("established")
        self._heard_at = self._heartbeat_at = now
        opened = Opened(
            established=established,
            is_resumed=established.is_resumed,
            lost=lost if kept is not None and not established.is_resumed else "",
        )
        # First: whoever hears that it is open may send at once, and that has the next number.
        return [*map(Write, again), opened]

    def _live(self, incoming: Incoming, size: int, now: float) -> list[NodeHappening]:
        if self._phase != "live":  # an ack or an unknown frame before the session: of no use
            return []
        assert self._channel is not None
        taken = take(self._channel, incoming, size, now)
        return self._fault(taken, now) if isinstance(taken, Fault) else [*taken]

    def _fault(self, fault: Fault, now: float) -> list[NodeHappening]:
        if self._phase in {"greeting", "proving"}:
            self._leave_socket(now, keep=fault.code != "forged")
            return [Refused(denied=Denied(code="malformed", message=fault.message))]
        was_live = self._phase == "live"
        ended = self._end(fault.code, fault.message)
        over = encode_envelope(Over(code=fault.code, message=fault.message))
        return [Write(over), ended] if was_live else [ended]

    def _refuse(
        self, code: Literal["version", "proof"], message: str, remedy: str, now: float
    ) -> list[NodeHappening]:
        self._leave_socket(now, keep=True)
        return [Refused(denied=Denied(code=code, message=message, remedy=remedy))]

    def _end(self, code: OverCode, message: str) -> SessionEnded:
        self._step("end")
        return SessionEnded(code=code, message=message, is_ours=True)

    def _leave_socket(self, now: float, *, keep: bool) -> None:
        if self._phase == "live":
            self._lost_at = now
        self._step("wait" if keep and self._channel is not None else "end")

    def _step(self, step: NodeStep) -> None:
        self._phase = follow_node(self._phase, step)
        if self._phase == "off":
            self._channel = self._established = None

    def _told_late(self) -> list[NodeHappening]:
        late, self._late = self._late, []
        return late

    def _heartbeat(self) -> float:
        assert self._established is not None
        return _bounded(self._established.heartbeat_seconds, HEARTBEAT_SECONDS)

    def _grace(self) -> float:
        assert self._established is not None
        return _bounded(self._established.grace_seconds, GRACE_SECONDS)

    def _silent_at(self) -> float:
        """When the socket counts as dead: nothing came, or what was sent is not acknowledged."""
        assert self._channel is not None
        silence = self._limits.silent_heartbeats * self._heartbeat()
        unheard = self._channel.kept_since
        stalled_at = math.inf if unheard is None else unheard + self._limits.stalled_seconds
        return min(self._heard_at + silence, stalled_at)


def _bounded(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return low if math.isnan(value) else min(max(value, low), high)
