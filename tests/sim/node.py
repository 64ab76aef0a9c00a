"""A node: its link to the host, by a real session over a simulated socket, and its life."""

from collections.abc import Callable

from app.core.base.ids import AccountId, PoolId
from app.core.pool.happenings import (
    CloseSocket,
    HeartbeatDue,
    NodeHappening,
    Opened,
    Received,
    SessionEnded,
    Write,
)
from app.core.pool.happenings import Refused as OpeningRefused
from app.core.pool.node_session import NodeSession
from app.wire.message import Message
from app.wire.pool import Heartbeat, OfferedModel, Register
from tests.sim import words
from tests.sim.clock import SECOND, Clock
from tests.sim.liars import Character
from tests.sim.network import Socket
from tests.sim.node_chain import NodeChain
from tests.sim.signatures import verify
from tests.sim.worker import SLOTS, Worker

POLL = 2 * SECOND


class SimNode(Worker):
    """One node. `connect` gives a socket to the host, or None while the host is down."""

    def __init__(
        self,
        clock: Clock,
        number: int,
        *,
        account: AccountId,
        pool: PoolId,
        character: Character,
        connect: Callable[["SimNode"], Socket | None],
    ) -> None:
        super().__init__(clock, number, account=account, pool=pool, character=character)
        self.connect = connect
        self.is_up = False
        self.socket: Socket | None = None
        self._chance = 0

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        self.life += 1
        self.is_up, self.is_lending = True, True
        self.tasks = {}
        self.chain = NodeChain(self.disk, self.pool)
        self.session = NodeSession(
            signer=self.key,
            verify=verify,
            sealing_key=self.key.sealing_key,
            pool=self.pool,
            program="sim",
        )
        self._dial()
        self._poll(self.life)

    def crash(self) -> None:
        """What was in memory is gone; it is started again after a while."""
        if not self.is_up:
            return
        self.life += 1
        self.is_up = False
        self.tasks = {}
        if self.socket is not None:
            self.socket.cut()
            self.socket = None
        self.clock.after(self.clock.between(500, 8000), self.start)

    def owner_returns(self) -> None:
        """The owner wants the GPU: everybody's work is handed back."""
        if not self.is_up:
            return
        self.is_lending = False
        self._heartbeat()
        for task in list(self.tasks.values()):
            self.finish(task, "preempted")
        life = self.life

        def leave() -> None:
            if life == self.life:
                self.is_lending = True
                self._heartbeat()

        self.clock.after(self.clock.between(500, 15_000), leave)

    def _poll(self, life: int) -> None:
        if life != self.life:
            return
        self._happened(self.session.due(self.clock.seconds))
        self.clock.after(POLL, lambda: self._poll(life))

    def compare(self, shown: bytes) -> None:
        """What another node saw of the host's chain came with a sealed request, or its answer."""
        if self.is_up:
            self.chain.compare(shown)

    # --- link ------------------------------------------------------------------------------------

    def _dial(self) -> None:
        if self.session.phase not in ("off", "waiting"):
            return
        socket = self.connect(self)
        if socket is None:
            self.later((500, 4000), self._dial)
            return
        self.socket = socket
        socket.on_node = lambda data: self._arrived(socket, data)
        socket.lost_node = lambda: self._lost(socket)
        self._chance += 1
        nonce = (self.life * 1_000_000 + self._chance).to_bytes(32, "big")
        socket.to_host(self.session.dial(nonce, self.clock.seconds))

    def _arrived(self, socket: Socket, data: bytes) -> None:
        if socket is self.socket:
            self._happened(self.session.receive(data, self.clock.seconds))

    def _lost(self, socket: Socket) -> None:
        if socket is self.socket:
            self.socket = None
            self._happened(self.session.socket_lost(self.clock.seconds))
            self.later((100, 3000), self._dial)

    def _happened(self, happenings: list[NodeHappening]) -> None:
        for happening in happenings:
            match happening:
                case Write(data=data):
                    if self.socket is not None:
                        self.socket.to_host(data)
                case Opened():
                    self._opened(happening)
                case HeartbeatDue():
                    self._heartbeat()
                case Received(frame=frame):
                    self.heard(frame)
                case SessionEnded():
                    self._abandon()
                    self._hang_up()
                case CloseSocket() | OpeningRefused():
                    self._hang_up()
                case _:
                    pass

    def _hang_up(self) -> None:
        if self.socket is not None:
            self.socket.cut()

    def _opened(self, opened: Opened) -> None:
        if opened.is_resumed:
            return
        self._abandon()
        model = OfferedModel(
            sha256=words.SHA256,
            name="words",
            architecture="sim",
            parameters=10**9,
            quantisation="Q8_0",
            context=100_000,
            slots=SLOTS,
            is_loaded=True,
        )
        self.send(Register(models=(model,), circle="anyone", runtime="sim"))
        self._heartbeat()
        for finished in self.chain.greeted(opened.established):
            self.send(finished)

    def _abandon(self) -> None:
        """The session is over, so is the work that ran in it; what was computed is claimed."""
        for task in list(self.tasks.values()):
            self.finish(task, "failed", is_silent=True)

    def send(self, frame: Message) -> None:
        data = self.session.send(frame, self.clock.seconds)
        if self.socket is not None:
            self.socket.to_host(data)

    def _heartbeat(self) -> None:
        self.send(
            Heartbeat(
                is_lending=self.is_lending,
                running=len(self.tasks),
                checkpoint=self.chain.checkpoint,
            )
        )
