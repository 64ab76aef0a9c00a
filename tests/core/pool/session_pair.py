"""A node and a host whose sockets are lists: each byte between them passes the test's hands.

Keys are real; chance is counted, so that a failure repeats.
"""

from dataclasses import dataclass, field

from app.core.base.ids import SessionId
from app.core.base.units import Microseconds
from app.core.pool.channel import LIMITS, Limits
from app.core.pool.happenings import (
    GreetingHappening,
    HostHappening,
    NodeHappening,
    Proved,
    Refused,
    Write,
)
from app.core.pool.host_greeting import HostGreeting
from app.core.pool.host_session import HostSession, Terms
from app.core.pool.host_sessions import Establishment, HostSessions
from app.core.pool.node_session import NodeSession
from app.server.identity.keys import DeviceKey, PoolKey, verify
from app.wire.opening import VERSION

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
