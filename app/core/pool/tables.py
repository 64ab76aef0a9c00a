"""Tables of the protocol: which state follows which, and what may be said in each.

The sessions look nowhere else, and docs/protocol.md is drawn from here. A pair that is in no table
is a bug of ours; a frame that is not to be heard in a state is the peer's fault.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from app.wire.message import Message
from app.wire.opening import (
    ENVELOPE_BYTES_MAX,
    HANDSHAKE_BYTES_MAX,
    Challenge,
    Denied,
    Established,
    Hello,
    Over,
    Proof,
)
from app.wire.pool import (
    Accepted,
    Ask,
    CancelAsk,
    CancelJob,
    Checkpoint,
    Chunk,
    Counted,
    Countersigned,
    Finished,
    GoingAway,
    Heartbeat,
    Look,
    Market,
    Offer,
    Register,
    Rejected,
    Standing,
    Told,
)

Side = Literal["node", "host"]

NodePhase = Literal["off", "greeting", "proving", "live", "waiting"]
NodeStep = Literal["dial", "challenged", "established", "wait", "end"]

NODE: Final[Mapping[tuple[NodePhase, NodeStep], NodePhase]] = {
    ("off", "dial"): "greeting",
    ("waiting", "dial"): "greeting",
    ("greeting", "challenged"): "proving",
    ("proving", "established"): "live",
    # The socket is lost, or the host asks to come back later, while there is a session to keep.
    ("greeting", "wait"): "waiting",
    ("proving", "wait"): "waiting",
    ("live", "wait"): "waiting",
    # No session is left: there was none yet, it was ended by a side, or its grace is over.
    ("greeting", "end"): "off",
    ("proving", "end"): "off",
    ("live", "end"): "off",
    ("waiting", "end"): "off",
}
"""The node's side, for as long as it belongs to the pool."""

GreetingPhase = Literal["hello", "proof", "deciding", "done"]
GreetingStep = Literal["greeted", "proved", "admitted", "denied"]

GREETING: Final[Mapping[tuple[GreetingPhase, GreetingStep], GreetingPhase]] = {
    ("hello", "greeted"): "proof",
    ("proof", "proved"): "deciding",
    ("deciding", "admitted"): "done",
    ("hello", "denied"): "done",
    ("proof", "denied"): "done",
    ("deciding", "denied"): "done",
}
"""The host's side of one socket, until the session takes over."""

HostPhase = Literal["waiting", "live", "ended"]
HostStep = Literal["attach", "wait", "end"]

HOST: Final[Mapping[tuple[HostPhase, HostStep], HostPhase]] = {
    ("waiting", "attach"): "live",
    ("live", "attach"): "live",  # the node saw first that the old socket was lost
    ("live", "wait"): "waiting",
    ("live", "end"): "ended",
    ("waiting", "end"): "ended",
}
"""The host's side of one session. It outlives the sockets that carry it."""

KIB: Final = 1024
PASSED_ON_BYTES_MAX: Final = ENVELOPE_BYTES_MAX - 1024 * KIB
"""Of what a node says and the host passes on to another. What goes with it there, as the tokens
that earlier attempts gave, has the rest."""


class FrameRule(NamedTuple):
    """What holds for one kind of frame."""

    senders: tuple[Side, ...]
    bytes_max: int
    """Of its envelope. Checked before it gets a number, and before the body is decoded."""
    is_numbered: bool = True
    answers: tuple[type[Message], ...] = ()
    """What the other side says to it, sooner or later."""


_NODE: Final[tuple[Side, ...]] = ("node",)
_HOST: Final[tuple[Side, ...]] = ("host",)
_BOTH: Final[tuple[Side, ...]] = ("node", "host")

FRAMES: Final[Mapping[type[Message], FrameRule]] = {
    Hello: FrameRule(_NODE, HANDSHAKE_BYTES_MAX, False, (Challenge, Denied)),
    Challenge: FrameRule(_HOST, HANDSHAKE_BYTES_MAX, False, (Proof,)),
    Proof: FrameRule(_NODE, HANDSHAKE_BYTES_MAX, False, (Established, Denied)),
    Established: FrameRule(_HOST, HANDSHAKE_BYTES_MAX, False),
    Denied: FrameRule(_HOST, HANDSHAKE_BYTES_MAX, False),
    Over: FrameRule(_BOTH, 16 * KIB, False),
    Register: FrameRule(_NODE, 1024 * KIB),
    Heartbeat: FrameRule(_NODE, 64 * KIB),
    GoingAway: FrameRule(_BOTH, 16 * KIB),
    Offer: FrameRule(_HOST, ENVELOPE_BYTES_MAX, True, (Accepted, Rejected)),
    CancelJob: FrameRule(_HOST, 16 * KIB, True, (Finished,)),
    Accepted: FrameRule(_NODE, 16 * KIB, True),
    Rejected: FrameRule(_NODE, 16 * KIB),
    Chunk: FrameRule(_NODE, PASSED_ON_BYTES_MAX),
    Finished: FrameRule(_NODE, 64 * KIB, True, (Countersigned,)),
    Countersigned: FrameRule(_HOST, 64 * KIB),
    Checkpoint: FrameRule(_HOST, 16 * KIB),
    Standing: FrameRule(_HOST, 64 * KIB),
    Ask: FrameRule(_NODE, PASSED_ON_BYTES_MAX, True, (Told,)),
    CancelAsk: FrameRule(_NODE, 16 * KIB, True, (Told,)),
    Counted: FrameRule(_NODE, 64 * KIB),
    Told: FrameRule(_HOST, ENVELOPE_BYTES_MAX),
    Look: FrameRule(_NODE, 16 * KIB, True, (Market,)),
    Market: FrameRule(_HOST, ENVELOPE_BYTES_MAX),
}
"""Every frame there is."""


def tag_of(frame: type[Message]) -> str:
    """The frame's word on the wire."""
    tag = frame.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


BY_TAG: Final[Mapping[str, FrameRule]] = {tag_of(frame): rule for frame, rule in FRAMES.items()}


def _in_session(side: Side) -> tuple[type[Message], ...]:
    return tuple(f for f, rule in FRAMES.items() if rule.is_numbered and side in rule.senders)


NODE_HEARS: Final[Mapping[NodePhase, tuple[type[Message], ...]]] = {
    "off": (),
    "greeting": (Challenge, Denied),
    "proving": (Established, Denied),
    "live": (*_in_session("host"), Over),
    "waiting": (),
}
"""What a node takes from the host; anything else is out of turn."""

GREETING_HEARS: Final[Mapping[GreetingPhase, tuple[type[Message], ...]]] = {
    "hello": (Hello,),
    "proof": (Proof,),
    "deciding": (),
    "done": (),
}

HOST_HEARS: Final[Mapping[HostPhase, tuple[type[Message], ...]]] = {
    "waiting": (),
    "live": (*_in_session("node"), Over),
    "ended": (),
}


def follow_node(phase: NodePhase, step: NodeStep) -> NodePhase:
    """The phase after `step`; a pair that is in no table is a bug."""
    after = NODE.get((phase, step))
    assert after is not None, f"a node that is {phase} cannot {step}"
    return after


def follow_greeting(phase: GreetingPhase, step: GreetingStep) -> GreetingPhase:
    """The same for the host's side of a greeting."""
    after = GREETING.get((phase, step))
    assert after is not None, f"a greeting at {phase} cannot be {step}"
    return after


def follow_host(phase: HostPhase, step: HostStep) -> HostPhase:
    """The same for the host's side of a session."""
    after = HOST.get((phase, step))
    assert after is not None, f"a session that is {phase} cannot {step}"
    return after
