"""A node and a host whose sockets are lists: each byte between them passes the test's hands.

Keys are real; chance is counted, so that a failure repeats.
"""

from dataclasses import dataclass, field

from app.core.base.ids import JobId, SessionId
from app.core.base.units import Microseconds
from app.core.pool.channel import LIMITS, Limits
from app.core.pool.envelope import decode_envelope, from_host, from_node
from app.core.pool.happenings import (
    Fault,
    GreetingHappening,
    HostHappening,
    NodeHappening,
    Proved,
    Refused,
    SessionEnded,
    Write,
)
from app.core.pool.host_greeting import HostGreeting
from app.core.pool.host_session import HostSession, Terms
from app.core.pool.host_sessions import Establishment, HostSessions
from app.core.pool.node_session import NodeSession
from app.server.identity.keys import DeviceKey, PoolKey, verify
from app.wire.opening import VERSION, Over
from app.wire.pool import CancelAsk, CancelJob

TERMS = Terms(pool_name="club", account="anna", fee_percent=5)


def device_key(number: int) -> DeviceKey:
    """One of many devices, the same in every run."""
    return DeviceKey(bytes([number]) * 32)


def pool_key(number: int = 200) -> PoolKey:
    return PoolKey(bytes([number]) * 32)


def node_session(
    device: int = 1,
    *,
    pool: int = 200,
    versions: tuple[int, ...] = (VERSION,),
    limits: Limits = LIMITS,
) -> NodeSession:
    key = device_key(device)
    return NodeSession(
        signer=key,
        verify=verify,
        sealing_key=key.sealing_key,
        pool=pool_key(pool).pool,
        program="1.0",
        versions=versions,
        limits=limits,
    )


def writes(happenings: list[NodeHappening] | list[HostHappening] | list[GreetingHappening]):
    """The bytes among what happened, in order."""
    return [happening.data for happening in happenings if isinstance(happening, Write)]


@dataclass
class Door:
    """A host with all its sessions."""

    limits: Limits = LIMITS
    versions: tuple[int, ...] = (VERSION,)
    sessions: HostSessions = field(init=False)
    chance: int = 0

    def __post_init__(self) -> None:
        self.sessions = HostSessions(limits=self.limits)

    def greeting(self, now: float = 0.0) -> HostGreeting:
        self.chance += 1
        return HostGreeting(
            signer=pool_key(),
            verify=verify,
            nonce=self.chance.to_bytes(32, "big"),
            at=Microseconds(1_790_000_000_000_000),
            now=now,
            versions=self.versions,
            limits=self.limits,
        )

    def establish(self, proved: Proved, now: float) -> Establishment:
        self.chance += 1
        made = self.sessions.establish(
            proved, terms=TERMS, fresh=SessionId(f"{self.chance:032x}"), now=now
        )
        assert isinstance(made, Establishment), made
        return made


@dataclass
class Pair:
    """A node and its host, connected by `connect`."""

    node: NodeSession = field(default_factory=node_session)
    door: Door = field(default_factory=Door)
    dials: int = 0

    def hello(self, now: float = 0.0) -> bytes:
        self.dials += 1
        return self.node.dial((1_000_000 + self.dials).to_bytes(32, "big"), now)

    def prove(self, now: float = 0.0) -> Proved:
        """Everything up to the device's proof."""
        greeting = self.door.greeting(now)
        (challenge,) = writes(greeting.receive(self.hello(now)))
        (proof,) = writes(self.node.receive(challenge, now))
        (proved,) = greeting.receive(proof)
        assert isinstance(proved, Proved), proved
        greeting.admitted()
        return proved

    def connect(self, now: float = 0.0) -> tuple[HostSession, list[NodeHappening]]:
        """A new socket, all the way: the host's session and what the node was told."""
        made = self.door.establish(self.prove(now), now)
        told = [one for data in made.writes for one in self.node.receive(data, now)]
        return made.session, told

    def refused(self, greeting: HostGreeting, data: bytes) -> Refused:
        """Why the host says no to a message."""
        *_, last = greeting.receive(data)
        assert isinstance(last, Refused), last
        return last


def asked(number: int) -> CancelAsk:
    return CancelAsk(job=JobId(f"job-{number}"))


def cancelled(number: int) -> CancelJob:
    return CancelJob(job=JobId(f"job-{number}"), attempt=0, why="client")


def ended_of(happenings) -> SessionEnded:
    """The one end among what happened."""
    (ended,) = [one for one in happenings if isinstance(one, SessionEnded)]
    return ended


def over_of(happenings) -> Over:
    """What the peer is told at the end."""
    for frames in (from_host, from_node):
        found = decode_envelope(writes(happenings)[-1], frames, bytes_max=1 << 20)
        if not isinstance(found, Fault) and isinstance(found.frame, Over):
            return found.frame
    raise AssertionError("nobody said that it is over")
