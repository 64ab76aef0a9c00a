"""Whatever a network does, every frame comes once and in order, or the session ends and says why.

Two networks. One is that of a WebSocket: sockets are cut anywhere and what was under way is lost;
then nothing may be missing. The other is worse than any: it drops, doubles, swaps and changes
messages; then a session may end, and what came before that is still a beginning of what was sent.
"""

import random
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from app.core.base.ids import JobId
from app.core.pool.happenings import CloseSocket, Opened, Received, Refused, SessionEnded, Write
from app.core.pool.host_session import HostSession
from app.wire.pool import CancelAsk, CancelJob
from tests.core.pool.session_pair import Pair


class Network:
    """Both directions of the socket that there is, and what came out of it."""

    def __init__(self) -> None:
        self.pair = Pair()
        self.now = 0.0
        self.up: deque[bytes] = deque()
        self.down: deque[bytes] = deque()
        self.sent: dict[str, list[str]] = {"node": [], "host": []}
        self.heard: dict[str, list[str]] = {"node": [], "host": []}
        self.ends: list[str] = []
        self.session: HostSession | None = None
        self.dial()

    def dial(self) -> None:
        """A new socket; what was in the old one is lost."""
        assert self.pair.node.phase in {"off", "waiting"}
        self.up.clear()
        self.down.clear()
        made = self.pair.door.establish(self.pair.prove(self.now), self.now)
        if made.replaced is not None:
            # The node never heard of the session that opened: the host learns that it is lost.
            self.told("host", made.happenings)
            assert self.ends.pop() == "host"
            assert not self.heard["host"] and not self.heard["node"]
            self.sent = {"node": [], "host": []}
            self.down.clear()
        self.session = made.session
        self.down.extend(made.writes)

    def cut(self) -> None:
        self.told("node", self.pair.node.socket_lost(self.now))
        assert self.session is not None
        self.told("host", self.session.socket_lost(self.now))
        self.up.clear()
        self.down.clear()

    def send(self, side: str) -> None:
        """The next frame of a side, if it has a session to send it in."""
        name = f"{side}-{len(self.sent[side])}"
        node, session = self.pair.node, self.session
        assert session is not None
        if side == "node" and node.established is not None:
            self.sent[side].append(name)
            self.put(self.up, node.send(CancelAsk(job=JobId(name)), self.now))
        elif side == "host" and session.phase != "ended":
            self.sent[side].append(name)
            frame = CancelJob(job=JobId(name), attempt=0, why="client")
            self.put(self.down, session.send(frame, self.now))

    def put(self, queue: deque[bytes], data: bytes) -> None:
        if data:
            queue.append(data)

    def deliver(self, side: str) -> None:
        """The next message to a side."""
        if side == "node" and self.down:
            self.told("node", self.pair.node.receive(self.down.popleft(), self.now))
        elif side == "host" and self.up and self.session is not None:
            self.told("host", self.session.receive(self.up.popleft(), self.now))

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.told("node", self.pair.node.due(self.now))
        if self.session is not None:
            self.told("host", self.session.due(self.now))

    def told(self, side: str, happenings) -> None:
        for happening in happenings:
            match happening:
                case Write(data=data):
                    self.put(self.up if side == "node" else self.down, data)
                case Received(frame=frame):
                    self.heard[side].append(frame.job)
                case SessionEnded() | Refused():
                    self.ends.append(side)
                    if isinstance(happening, SessionEnded):
                        assert happening.message
                case CloseSocket():
                    self.cut()
                case Opened():
                    pass

    def settle(self) -> None:
        """A quiet network until all is said, as long as the session lives."""
        while not self.ends and (self.up or self.down):
            self.deliver("node")
            self.deliver("host")


SIDES = st.sampled_from(["node", "host"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), SIDES),
        st.tuples(st.just("deliver"), SIDES),
        st.tuples(st.just("cut"), SIDES),
        st.tuples(st.just("tick"), SIDES),
    ),
    max_size=120,
)


@given(STEPS)
def test_over_sockets_that_are_cut_anywhere_every_frame_comes_once_and_in_order(steps) -> None:
    network = Network()

    for what, side in steps:
        match what:
            case "send":
                network.send(side)
            case "deliver":
                network.deliver(side)
            case "tick":
                network.tick(1.1)
            case "cut":
                network.cut()
                network.dial()
    if network.pair.node.phase == "waiting":
        network.dial()
    network.settle()

    assert not network.ends
    assert network.heard == {"node": network.sent["host"], "host": network.sent["node"]}


@given(STEPS, st.randoms(use_true_random=False))
def test_over_a_network_that_does_anything_what_came_is_a_beginning_of_what_was_sent(
    steps, chance: random.Random
) -> None:
    network = Network()
    network.settle()

    for what, side in steps:
        if network.ends:
            break
        queue = network.up if side == "node" else network.down
        _disturb(queue, chance)
        match what:
            case "send":
                network.send(side)
            case "deliver":
                network.deliver(side)
            case "tick":
                network.tick(1.1)
            case "cut":
                network.cut()
                network.dial()

    other = {"node": "host", "host": "node"}
    for side, heard in network.heard.items():
        assert heard == network.sent[other[side]][: len(heard)]


def _disturb(queue: deque[bytes], chance: random.Random) -> None:
    """Drop, double, swap or cut short what is under way, now and then."""
    if not queue or chance.random() > 0.3:
        return
    place = chance.randrange(len(queue))
    match chance.randrange(4):
        case 0:
            del queue[place]
        case 1:
            queue.insert(chance.randrange(len(queue) + 1), queue[place])
        case 2:
            queue.rotate(1)
        case 3:
            queue[place] = queue[place][: chance.randrange(len(queue[place]))]
