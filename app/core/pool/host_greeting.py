"""HostGreeting: the host's side of a new socket, until the device has proved its key.

Everything here is said to a stranger: messages are small, the time is short, and what is not what
was expected ends it with one sentence. After `Proved` the edge asks the accounts whether the device
may come in, and answers by `HostSessions.establish` or by `deny`.
"""

from typing import Final, final

from app.core.base.ids import PoolId
from app.core.base.units import Microseconds
from app.core.pool.channel import LIMITS, Limits
from app.core.pool.envelope import decode_envelope, encode_envelope, from_node
from app.core.pool.happenings import Fault, GreetingHappening, Proved, Refused, Write
from app.core.pool.keys import Signer, Verifier
from app.core.pool.proofs import (
    NONCE_BYTES,
    host_statement,
    is_key,
    node_statement,
    sealing_statement,
)
from app.core.pool.tables import GREETING_HEARS, GreetingPhase, follow_greeting
from app.wire.opening import (
    HANDSHAKE_BYTES_MAX,
    VERSION,
    Challenge,
    DenialCode,
    Denied,
    Hello,
    Proof,
)

VERSIONS: Final = (VERSION,)
"""Spoken here, newest first."""


@final
class HostGreeting:
    """One socket. `nonce` is 32 bytes by chance; `at` the time in books, `now` the edge's clock."""

    def __init__(
        self,
        *,
        signer: Signer,
        verify: Verifier,
        nonce: bytes,
        at: Microseconds,
        now: float,
        versions: tuple[int, ...] = VERSIONS,
        limits: Limits = LIMITS,
    ) -> None:
        assert len(nonce) == NONCE_BYTES
        self._signer, self._verify, self._versions = signer, verify, versions
        self._nonce, self._at = nonce, at
        self._deadline = now + limits.handshake_seconds
        self._phase: GreetingPhase = "hello"
        self._hello: Hello | None = None
        self._hello_data = self._challenge_data = b""

    @property
    def phase(self) -> GreetingPhase:
        """Where it stands in the table."""
        return self._phase

    def receive(self, data: bytes) -> list[GreetingHappening]:
        """What a binary message brings."""
        if self._phase == "done":
            return []
        incoming = decode_envelope(data, from_node, bytes_max=HANDSHAKE_BYTES_MAX)
        if isinstance(incoming, Fault):
            return self._denied("malformed", incoming.message)
        match incoming.frame:
            case Hello() as hello if isinstance(hello, GREETING_HEARS[self._phase]):
                return self._greeted(hello, data)
            case Proof() as proof if isinstance(proof, GREETING_HEARS[self._phase]):
                return self._proved(proof)
            case _:
                word = type(incoming.frame).__name__ if incoming.frame else "no frame"
                return self._denied("malformed", f"{word} came where {self._phase} was expected")

    def next_due(self) -> float | None:
        """When `due` ends the greeting; None once it is over."""
        return None if self._phase == "done" else self._deadline

    def due(self, now: float) -> list[GreetingHappening]:
        """A greeting that takes too long is over."""
        if self._phase == "done" or now < self._deadline:
            return []
        return self._denied("deadline", "the greeting took too long")

    def deny(
        self, code: DenialCode, message: str, *, remedy: str = "", retry_after_seconds: float = 0.0
    ) -> list[GreetingHappening]:
        """Say no, with a sentence; at any time before the session is established."""
        return self._denied(code, message, remedy=remedy, retry_after_seconds=retry_after_seconds)

    def admitted(self) -> None:
        """The session has taken over."""
        self._phase = follow_greeting(self._phase, "admitted")

    def _greeted(self, hello: Hello, data: bytes) -> list[GreetingHappening]:
        common = [version for version in self._versions if version in hello.versions]
        if not common:
            spoken = ", ".join(map(str, self._versions))
            is_old = max(hello.versions, default=0) < min(self._versions)
            return self._denied(
                "version",
                f"this host speaks version {spoken} of the protocol, and the node does not",
                remedy="Update Athanor on the node." if is_old else "Ask the host to update.",
            )
        if not is_key(hello.device) or len(hello.nonce) != NONCE_BYTES:
            return self._denied("malformed", "the device's key or the nonce has a wrong length")
        self._phase = follow_greeting(self._phase, "greeted")
        self._hello, self._hello_data = hello, data
        pool = PoolId(self._signer.public)
        statement = host_statement(
            data, version=common[0], pool=pool, nonce=self._nonce, at=self._at
        )
        challenge = Challenge(
            version=common[0],
            pool=pool,
            nonce=self._nonce,
            signature=self._signer.sign(statement),
            at=self._at,
        )
        self._challenge_data = encode_envelope(challenge)
        return [Write(self._challenge_data)]

    def _proved(self, proof: Proof) -> list[GreetingHappening]:
        hello = self._hello
        assert hello is not None
        statement = node_statement(self._hello_data, self._challenge_data, proof.invite)
        of_sealing = sealing_statement(proof.sealing_key)
        if not (
            len(proof.sealing_key) == 32
            and self._verify(hello.device, proof.signature, statement)
            and self._verify(hello.device, proof.sealing_signature, of_sealing)
        ):
            return self._denied("proof", "the proof is not by the device's key")
        self._phase = follow_greeting(self._phase, "proved")
        return [
            Proved(
                hello=hello,
                device=hello.device,
                sealing_key=proof.sealing_key,
                sealing_signature=proof.sealing_signature,
                invite=proof.invite,
            )
        ]

    def _denied(
        self, code: DenialCode, message: str, *, remedy: str = "", retry_after_seconds: float = 0.0
    ) -> list[GreetingHappening]:
        self._phase = follow_greeting(self._phase, "denied")
        denied = Denied(
            code=code,
            message=message,
            remedy=remedy,
            versions=self._versions if code == "version" else (),
            retry_after_seconds=retry_after_seconds,
        )
        return [Write(encode_envelope(denied)), Refused(denied=denied)]
