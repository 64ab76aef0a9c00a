"""A whole pool of real processes: one host, and nodes that joined it and lend a model."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.client.client import Client
from app.settings.paths import Paths
from app.wire.pool_local import JoinRequest
from tests.support.node import RunningNode, running_node
from tests.support.pool_host import RunningHost, offer, running_host

READY_SECONDS_MAX = 180.0
QUICK = ("--grace-members-seconds", "0.3", "--heartbeat-members-seconds", "1")


@dataclass
class WholePool:
    """Host and nodes; `secret` is a caller's key."""

    host: RunningHost
    folder: Path
    model: Path
    sha256: str
    secret: str
    stack: ExitStack
    nodes: dict[str, RunningNode] = field(default_factory=dict)

    def start(self, name: str, *flags: str) -> RunningNode:
        """A node of the member's account, lending; back with its key if it was there before."""
        home = self.folder / name
        node = self.stack.enter_context(
            running_node(
                home,
                *("--model", str(self.model)),
                *("--sharing-mode", "always", "--sharing-on-battery", "true"),
                *("--sharing-start-delay-seconds", "0"),
                *("--sequences", "4", "--context", "1024", *flags),
            )
        )
        is_new = name not in self.nodes
        self.nodes[name] = node
        with client_of(node) as client:
            if is_new:
                invite = self.host.invite("member")
                client.join_pool(JoinRequest(invite=invite, name=name))
            wait_for(lambda: client.pool().link == "connected", f"{name} in the pool")
        return node

    def wait_lending(self, count: int) -> None:
        """Until so many machines take work for the model."""
        with self.host.client() as client:

            def lending() -> bool:
                machines = client.machines().machines
                return sum(m.is_lending and bool(m.models) for m in machines) >= count

            wait_for(lending, f"{count} machines that lend")

    def money(self, account: str = "caller") -> tuple[int, int]:
        """Balance and what of it is held, in micros."""
        with self.host.client() as client:
            found = client.pool_account(account).account
            return found.balance, found.held


@contextmanager
def whole_pool(
    folder: Path, model: Path, *names: str, flags: tuple[str, ...] = QUICK
) -> Iterator[WholePool]:
    """A host that offers the model, and nodes of these names that lend it."""
    home = folder / "host"
    sha256 = offer(home, "tiny", model)
    with ExitStack() as stack:
        host = stack.enter_context(running_host(home, "--pool-log-level", "debug", *flags))
        host.account("caller")
        host.account("member", credits=0)
        pool = WholePool(host, folder, model, sha256, host.key("caller"), stack)
        for name in names:
            pool.start(name)
        pool.wait_lending(len(names))
        yield pool


def client_of(node: RunningNode) -> Client:
    """The node's terminal."""
    return Client.find(Paths.under(node.home))


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Asks until it holds; the tick is an event that nobody sets."""
    tick = threading.Event()
    for _ in range(int(READY_SECONDS_MAX / 0.05)):
        if holds():
            return
        tick.wait(0.05)
    raise AssertionError(f"waited in vain for {what}")
